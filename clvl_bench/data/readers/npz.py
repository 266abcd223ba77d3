"""Reading pairs of arrays from .npz files, without pickle, with an error that says what did not
fit.
"""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage, Mistake, unknown
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.readers.mapped import mapped_array

T = TypeVar("T")

UNREADABLE = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    NotImplementedError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy raises about a file that is empty, cut off or something else."""
DENSEST = 1032
"""Bytes that one byte of a compressed archive can stand for (deflate's bound)."""
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
"""What says the shape of an array, by the version of its format; others hold no plain numbers."""


def split_names(dataset: str, splits: Mapping[str, T], split: str, *, field: str = "splits") -> T:
    """What the source declares for a split, in its table of that name.

    Raises:
        Mistake: it declares no such split.
    """
    if split not in splits:
        raise Mistake(f"dataset.{dataset}.source.{field}: {unknown('split', split, splits)}")
    return splits[split]


def load_arrays(
    dataset: ImageDataset,
    path: Path,
    values: str,
    labels: str,
    *,
    shape: str,
    fits: Callable[[NDArray[Any]], bool],
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Two arrays of equal length, the second with labels of the declared classes, [n] or as a
    column [n, 1]. A large first one stays in its file (`mapped_array`).

    Raises:
        Mistake: an array is not there, or its shape or labels do not fit.
        Damage: the file cannot be read.
    """
    where = f"dataset.{dataset.name}: {path.name}"
    try:
        if _is_single_array(path):
            raise Mistake(
                f"{where}: is a single array (.npy); expected an archive of arrays (.npz) that "
                f"holds {values} and {labels}, as numpy.savez writes"
            )
        with np.load(path, allow_pickle=False) as file:
            for name in (values, labels):
                if name not in file.files:
                    raise Mistake(f"{where}: {unknown('array', name, file.files)}")
            x = mapped_array(path, values)
            if x is None:
                x = array_of(file, values, path)
            y = array_of(file, labels, path)
    except UNREADABLE as error:
        why = (str(error) or "it is empty").splitlines()[0]
        raise Damage(f"{where}: cannot be read as .npz ({why}); get or make it again") from None
    if not fits(x):
        raise Mistake(f"{where}: {values} is {x.dtype} {list(x.shape)}; expected {shape}")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and len(y) == len(x):
        raise Mistake(
            f"{where}: {labels} has {y.shape[1]} columns, several labels an image; an image has "
            f"one class here: keep images with one, as its number [{len(x)}]"
        )
    if y.shape != x.shape[:1] or not np.issubdtype(y.dtype, np.integer):
        raise Mistake(
            f"{where}: {labels} is {y.dtype} {list(y.shape)}; expected whole numbers [{len(x)}]"
        )
    if len(y) and not (0 <= y.min() and y.max() < len(dataset.classes)):
        raise Mistake(
            f"{where}: {labels} runs from {y.min()} to {y.max()}; the dataset declares "
            f"{len(dataset.classes)} classes"
        )
    return x, y.astype(np.int64)


def load_array(path: Path) -> NDArray[Any]:
    """The array in a .npy file.

    Raises:
        OSError, ValueError, ...: one of `UNREADABLE`; it is none.
    """
    with open(path, "rb") as file:
        _refuse_claims(file, path.stat().st_size)
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("it is an archive of arrays")
    return array


def array_of(archive: Any, name: str, path: Path) -> NDArray[Any]:
    """An array of an archive (numpy.lib.npyio.NpzFile) that lies at that path.

    Raises:
        OSError, ValueError, ...: one of `UNREADABLE`; it cannot be read.
    """
    with archive.zip.open(f"{name}.npy") as file:
        _refuse_claims(file, DENSEST * path.stat().st_size)
    array: NDArray[Any] = archive[name]
    return array


def _is_single_array(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX


def _refuse_claims(file: IO[bytes], size: int) -> None:
    """Before an array is made room for: its header may say any shape.

    Raises:
        ValueError: it says more than a file of that size can hold.
    """
    read_header = _HEADERS.get(npy.read_magic(file))
    if read_header is None:
        return
    shape, _, dtype = read_header(file)
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > size or min(shape, default=0) < 0:
        raise ValueError(f"its header says {claimed:,} bytes, which it cannot hold")
