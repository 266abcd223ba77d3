"""Precomputed features: image features in a .npz file and one text feature a class in a .npy file;
no backbone needed.
"""

import hashlib
import itertools
from bisect import bisect_right
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage, Mistake
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FeaturesSource
from clvl_bench.data.readers.mapped import blocks_of
from clvl_bench.data.readers.npz import UNREADABLE, load_array, load_arrays, split_names
from clvl_bench.data.readers.split import Features, Split

WITHOUT_DIRECTION = "is zero or holds a value that is no number, so that it has no direction"


def read(dataset: ImageDataset, split: str) -> Split:
    """One split of a feature file, its parts joined in their order.

    Raises:
        Mistake: the file has no such array, or its shape or labels do not fit.
        Damage: the file cannot be read, or a row of it is no feature.
    """
    source = dataset.source
    assert isinstance(source, FeaturesSource)
    parts = split_names(dataset.name, source.splits, split)
    features_of_parts = []
    labels_of_parts = []
    for x, y in parts:
        part_features, part_labels = load_arrays(
            dataset, source.path, x, y, shape="[n, width]", fits=_are_features
        )
        features_of_parts.append(part_features)
        labels_of_parts.append(part_labels)
    widths = [features.shape[1] for features in features_of_parts]
    if len(set(widths)) > 1:
        raise Mistake(
            f"dataset.{dataset.name}: {source.path.name}: the parts of {split} are {widths} "
            f"numbers wide; features of one backbone have one width"
        )
    labels = np.concatenate(labels_of_parts)
    digest = hashlib.sha256("\n".join((source.backbone, *dataset.classes)).encode())
    for part, features in zip(parts, features_of_parts, strict=True):
        _check_and_hash(dataset, source.path, part, features, digest)
    digest.update(labels.data)
    return Split(
        labels=labels,
        keys=RowNames([x for x, _ in parts], [len(features) for features in features_of_parts]),
        fingerprint=digest.hexdigest(),
        features=partial(_of_backbone, source.backbone, _joined(features_of_parts)),
    )


def _check_and_hash(
    dataset: ImageDataset, path: Path, part: tuple[str, str], features: NDArray[Any], digest: Any
) -> None:
    """Look once at each row of an array.

    Args:
        part: its name, and that of its labels.

    Raises:
        Damage: a row is no feature.
    """
    x, y = part
    seen = 0
    for block in blocks_of(features):
        rows = np.ascontiguousarray(_as_features(block))
        row = first_without_direction(rows)
        if row is not None:
            raise Damage(
                f"dataset.{dataset.name}: {path.name}: row {seen + row} of {x} "
                f"{WITHOUT_DIRECTION}; mend it, or leave it out of {x} and {y}"
            )
        digest.update(rows.data)
        seen += len(rows)


def _joined(parts: Sequence[NDArray[Any]]) -> Features:
    """One array of several; a mapped one by itself stays where it is."""
    if len(parts) == 1 and isinstance(parts[0], np.memmap):
        return parts[0]
    return np.concatenate([_as_features(part) for part in parts])


class RowNames(Sequence[str]):
    """The name of each row, `<array>/<row>`: a text for each of millions would take more room than
    their labels.

    Args:
        arrays, lengths: the names of the arrays, and how many rows each has.
    """

    def __init__(self, arrays: Sequence[str], lengths: Sequence[int]) -> None:
        self._arrays = arrays
        self._starts = [0, *itertools.accumulate(lengths)]

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> tuple[str, ...]: ...

    def __getitem__(self, row: int | slice) -> str | tuple[str, ...]:
        if isinstance(row, slice):
            return tuple(self[each] for each in range(*row.indices(len(self))))
        number = range(len(self))[row]
        which = bisect_right(self._starts, number) - 1
        return f"{self._arrays[which]}/{number - self._starts[which]}"


def _of_backbone(known: str, features: Features, backbone: str) -> Features | None:
    return features if backbone == known else None


def read_text(dataset: ImageDataset, backbone: str) -> NDArray[np.float32] | None:
    """The text feature of each class [1, classes, width], whatever the templates; None where the
    source has none of this backbone.

    Raises:
        Mistake: the rows do not fit the classes.
        Damage: the file cannot be read, or a row of it is no feature.
    """
    source = dataset.source
    assert isinstance(source, FeaturesSource)
    if source.text is None or backbone != source.backbone:
        return None
    try:
        text = load_array(source.text)
    except UNREADABLE as error:
        why = (str(error) or "it is empty").splitlines()[0]
        raise Damage(
            f"dataset.{dataset.name}: {source.text.name}: cannot be read as .npy ({why}); make it "
            f"again"
        ) from None
    if not _are_features(text) or len(text) != len(dataset.classes):
        raise Mistake(
            f"dataset.{dataset.name}: {source.text.name} is {text.dtype} {list(text.shape)}; "
            f"expected numbers, one row for each of the {len(dataset.classes)} classes"
        )
    rows = _as_features(text)
    row = first_without_direction(rows)
    if row is not None:
        raise Damage(
            f"dataset.{dataset.name}: {source.text.name}: row {row}, of the class "
            f"'{dataset.classes[row]}', {WITHOUT_DIRECTION}; mend it, or leave text out: then "
            f"no class has any"
        )
    return rows[np.newaxis]


def _as_features(values: NDArray[Any]) -> NDArray[np.float32]:
    # A number that is too large for fp32 becomes infinite, which is looked for behind this.
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=np.float32)


def first_without_direction(rows: NDArray[np.float32]) -> int | None:
    """The first row [width] that fp32 cannot make a unit of: zero, too small or too large, or with
    a value that is no number.
    """
    with np.errstate(over="ignore", under="ignore"):
        lengths = np.linalg.norm(rows, axis=1)
    wrong = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    return int(wrong[0]) if len(wrong) else None


def _are_features(values: NDArray[Any]) -> bool:
    return values.ndim == 2 and values.dtype.kind in "fiu"
