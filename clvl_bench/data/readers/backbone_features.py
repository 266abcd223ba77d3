"""Features of several backbones: what frozen models said of the same samples, and of the classes in
each of many templates.

Rows have no names and no pixels, so a sample is known by its number, and a split is drawn from
these: the same one for every backbone.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage, Mistake, unknown
from clvl_bench.core.files import sha256
from clvl_bench.core.rng import seed_of
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.prompts import prompts_of
from clvl_bench.data.catalog.sources import BackboneFeaturesSource
from clvl_bench.data.readers.features import WITHOUT_DIRECTION, first_without_direction
from clvl_bench.data.readers.npz import UNREADABLE, array_of, load_array, split_names
from clvl_bench.data.readers.split import Features, Split

Arrays = dict[str, NDArray[Any]]
"""`images` [n, width] and `texts` [templates, classes, width] of a backbone, and `labels` [n]."""


def read(dataset: ImageDataset, split: str) -> Split:
    """One split: its labels, and its image features by backbone, read when they are asked for.

    Raises:
        Mistake: no such split is declared, or the labels do not fit the classes.
        Damage: the labels cannot be read.
    """
    source = _source_of(dataset)
    start, stop = split_names(dataset.name, source.splits, split)
    labels = _read_labels(dataset)
    rows = part_of_each_class(labels, start, stop, seed=source.split_seed)
    digest = hashlib.sha256("\n".join(dataset.classes).encode())
    digest.update(rows.tobytes() + labels[rows].tobytes())
    return Split(
        labels=labels[rows],
        keys=tuple(f"row {row}" for row in rows.tolist()),
        fingerprint=digest.hexdigest(),
        features=_SplitFeatures(dataset, rows),
        unit=True,
        # Of samples without pixels the number is the identity: what two splits share is counted.
        hashes=tuple(sha256(f"row {row}".encode()) for row in rows.tolist()),
    )


def part_of_each_class(
    labels: NDArray[np.int64], start: float, stop: float, *, seed: int
) -> NDArray[np.int64]:
    """The rows, in their order, that lie between two shares of their class, which is put into an
    order drawn by the seed and the rows' numbers.
    """
    rank = np.array([seed_of("part", seed, row) for row in range(len(labels))], dtype=np.int64)
    chosen = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        drawn = rows[np.argsort(rank[rows], kind="stable")]
        chosen.append(drawn[round(start * len(rows)) : round(stop * len(rows))])
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def read_text(dataset: ImageDataset, backbone: str) -> Features | None:
    """The text features [templates, classes, width] of the dataset's templates; None where there
    are none of this backbone.

    Raises:
        Mistake: a template or a class is none of those that features were made with.
        Damage: as `read_arrays`.
    """
    source = _source_of(dataset)
    if backbone not in source.files:
        return None
    known = prompts_of(source.texts, dataset.known_as)
    if dataset.classes != tuple(known.classes.values()):
        raise Mistake(
            f"dataset.{dataset.name}.classes: the text features are of the classes of the set "
            f"'{source.texts}'; remove classes"
        )
    rows = []
    for template in dataset.templates:
        if template not in known.templates:
            raise Mistake(
                f"dataset.{dataset.name}.templates: "
                f"{unknown('template with text features', template, known.templates)}"
            )
        rows.append(known.templates.index(template))
    texts: Features = read_arrays(dataset, backbone)["texts"][rows]
    return texts


def digest_of(dataset: ImageDataset, backbone: str) -> str:
    """The identity of all that a backbone said.

    Raises:
        Mistake, Damage: as `read_arrays`.
    """
    return _checked(dataset, backbone)[1]


def read_arrays(dataset: ImageDataset, backbone: str) -> Arrays:
    """All arrays of a backbone, as they are stored.

    Raises:
        Mistake: a shape does not fit the labels, the classes or the templates.
        Damage: the file cannot be read, has no such array, or is not the one that is pinned.
    """
    return _checked(dataset, backbone)[0]


def _checked(dataset: ImageDataset, backbone: str) -> tuple[Arrays, str]:
    """The arrays and their identity, once they fit what is declared."""
    source = _source_of(dataset)
    path = source.path / source.files[backbone]
    labels = _read_labels(dataset)
    try:
        arrays = _load(path, _stamp(path))
    except (*UNREADABLE, KeyError, AttributeError) as error:
        raise Damage(
            f"dataset.{dataset.name}: {path.name}: cannot be read as .npz with images and texts "
            f"({error})"
        ) from None
    known = prompts_of(source.texts, dataset.known_as)
    _shapes_fit(dataset, path.name, arrays, (len(known.templates), len(known.classes), len(labels)))
    arrays = {**arrays, "labels": labels}
    pinned = source.sha256.get(backbone)
    found = sha256_of_arrays(arrays)
    if pinned not in (None, found):
        raise Damage(
            f"dataset.{dataset.name}: {path.name}: its arrays are not the published ones of "
            f"{backbone}; where yours are others on purpose, set source.sha256 = {{}}"
        )
    return arrays, found


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file: while they stay, it is not read anew."""
    told = path.stat()
    return told.st_size, told.st_mtime_ns


@lru_cache(maxsize=8)
def _load(path: Path, stamp: tuple[int, int]) -> Arrays:
    """Images and texts of a file, for all runs of a process; nobody may write into them."""
    with np.load(path, allow_pickle=False) as file:
        arrays: Arrays = {name: array_of(file, name, path) for name in ("images", "texts")}
    for name, array in arrays.items():
        row = first_without_direction(array.reshape(-1, array.shape[-1]).astype(np.float32))
        if row is not None:
            raise ValueError(f"row {row} of {name} {WITHOUT_DIRECTION}")
        array.setflags(write=False)
    return arrays


def sha256_of_arrays(arrays: Arrays) -> str:
    """Of names, types, shapes and values, whatever the container."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode() + array.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class _SplitFeatures:
    """The image features of a split, by backbone."""

    dataset: ImageDataset
    rows: NDArray[np.int64]

    def __call__(self, backbone: str) -> Features | None:
        if backbone not in _source_of(self.dataset).files:
            return None
        images: Features = read_arrays(self.dataset, backbone)["images"][self.rows]
        return images


def _read_labels(dataset: ImageDataset) -> NDArray[np.int64]:
    """The class number of every row [n]."""
    source = _source_of(dataset)
    path = source.path / source.labels
    try:
        labels = load_array(path)
    except UNREADABLE as error:
        raise Damage(
            f"dataset.{dataset.name}: {path.name}: cannot be read as .npy ({error})"
        ) from None
    is_vector = getattr(labels, "ndim", 0) == 1 and labels.dtype.kind in "iu"
    if not is_vector or not set(np.unique(labels).tolist()) <= set(range(len(dataset.classes))):
        raise Mistake(
            f"dataset.{dataset.name}: {path.name}: holds no labels [n] of the "
            f"{len(dataset.classes)} classes, counted from 0"
        )
    numbers: NDArray[np.int64] = labels.astype(np.int64)
    return numbers


def _shapes_fit(
    dataset: ImageDataset, file: str, arrays: Arrays, counts: tuple[int, int, int]
) -> None:
    templates, classes, samples = counts
    images = arrays["images"]
    texts = arrays["texts"]
    width = images.shape[-1] if images.ndim == 2 else 0
    if images.shape != (samples, width) or texts.shape != (templates, classes, width):
        raise Mistake(
            f"dataset.{dataset.name}: {file}: got images {list(images.shape)} and texts "
            f"{list(texts.shape)}; expected [{samples}, width] and [{templates}, {classes}, width]"
        )


def _source_of(dataset: ImageDataset) -> BackboneFeaturesSource:
    source = dataset.source
    assert isinstance(source, BackboneFeaturesSource)
    return source
