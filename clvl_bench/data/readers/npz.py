"""Reading pairs of arrays from .npz files, without pickle, with an error that says what did not
fit.
"""

import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage, Mistake, unknown
from clvl_bench.data.catalog.declaration import ImageDataset

T = TypeVar("T")

UNREADABLE = (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error)
"""What numpy raises about a file that is empty, cut off or something else."""


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
    column [n, 1].

    Raises:
        Mistake: an array is not there, or its shape or labels do not fit.
        Damage: the file cannot be read.
    """
    where = f"dataset.{dataset.name}: {path.name}"
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in (values, labels):
                if name not in file.files:
                    raise Mistake(f"{where}: {unknown('array', name, file.files)}")
            x = file[values]
            y = file[labels]
    except TypeError:  # numpy gives the one array of a .npy as it is
        raise Mistake(
            f"{where}: is a single array (.npy); expected an archive of arrays (.npz) that holds "
            f"{values} and {labels}, as numpy.savez writes"
        ) from None
    except UNREADABLE as error:
        why = (str(error) or "it is empty").splitlines()[0]
        raise Damage(f"{where}: cannot be read as .npz ({why}); get or make it again") from None
    if not fits(x):
        raise Mistake(f"{where}: {values} is {x.dtype} {list(x.shape)}; expected {shape}")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
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
