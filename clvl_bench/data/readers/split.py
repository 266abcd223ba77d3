"""Split: what every reader returns, whatever the layout it read."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""RGB pixels [height, width, 3]."""

Features = NDArray[np.floating[Any]]
"""Precomputed features [..., width], in the precision in which they are stored."""

FeaturesOf = Callable[[str], Features | None]
"""The features that the backbone of a name gave; None where they are not here."""


@dataclass(frozen=True)
class Split:
    """One split of a dataset: labels [n], a name for each sample, and its images by row or its
    precomputed features [n, width] by the name of a backbone (None where that one's are not here);
    where images were scanned, the identity of each. `unit`: features are made unit, in the
    precision in which they are stored, before anything else.

    The fingerprint depends on classes, labels and pixels (or features) in their order, not on where
    or how they are stored: the same data read from a folder, from parquet or from arrays has the
    same fingerprint. `skipped` counts the damaged images that were left out, `in_training` those of
    a test split that were left out since training has them as well.
    """

    labels: NDArray[np.int64]
    keys: Sequence[str]
    fingerprint: str
    image: Callable[[int], Image] | None = None
    features: FeaturesOf | None = None
    unit: bool = False
    skipped: int = 0
    hashes: tuple[str, ...] = ()
    in_training: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def content(self) -> str:
        """The identity of the images in their order, whatever their classes are called: what
        decides their features.
        """
        if not self.hashes:
            return self.fingerprint
        return hashlib.sha256("\n".join(self.hashes).encode()).hexdigest()

    def identity(self, row: int) -> str:
        """What tells a row's image from all others: its own hash, where images were scanned."""
        return self.hashes[row] if self.hashes else f"{self.fingerprint} {row}"

    def first(self, limit: int, classes: int) -> "Split":
        """About `limit` samples, the first ones of each class: for trying things out. Its
        fingerprint differs.
        """
        quota = max(1, limit // classes)
        rows = [np.flatnonzero(self.labels == label)[:quota] for label in range(classes)]
        return self.take(np.sort(np.concatenate(rows)), f"first {limit}")

    def take(self, rows: NDArray[np.int64], how: str) -> "Split":
        """These rows as a split of their own; `how` tells the fingerprint apart."""
        taken = replace(
            self,
            labels=self.labels[rows],
            keys=tuple(self.keys[row] for row in rows),
            fingerprint=hashlib.sha256(f"{self.fingerprint} {how}".encode()).hexdigest(),
        )
        if self.hashes:
            taken = replace(taken, hashes=tuple(self.hashes[row] for row in rows))
        if self.features is not None:
            taken = replace(taken, features=_TakenFeatures(self.features, rows))
        if self.image is not None:
            taken = replace(taken, image=_TakenImages(self.image, rows))
        return taken


@dataclass(frozen=True)
class _TakenImages:
    """The images of some rows, numbered anew."""

    image: Callable[[int], Image]
    rows: NDArray[np.int64]

    def __call__(self, row: int) -> Image:
        return self.image(int(self.rows[row]))


@dataclass(frozen=True)
class _TakenFeatures:
    """The features of some rows."""

    features: FeaturesOf
    rows: NDArray[np.int64]

    def __call__(self, backbone: str) -> Features | None:
        whole = self.features(backbone)
        return None if whole is None else whole[self.rows]


def pixel_hash(image: Image) -> str:
    """The identity of an image: sha256 of its shape and RGB bytes."""
    pixels = np.ascontiguousarray(image).tobytes()
    return hashlib.sha256(repr(image.shape).encode() + pixels).hexdigest()


def fingerprint(classes: Sequence[str], labels: NDArray[np.int64], hashes: Sequence[str]) -> str:
    """The identity of a split of images: its classes, and label and pixels of each image."""
    digest = hashlib.sha256("\n".join(classes).encode())
    for label, identity in zip(labels.tolist(), hashes, strict=True):
        digest.update(f"{label} {identity}\n".encode())
    return digest.hexdigest()


def canonical_order(labels: NDArray[np.int64], hashes: Sequence[str]) -> NDArray[np.int64]:
    """Rows sorted by class and content, so that no file name or file order can matter."""
    return np.lexsort((np.array(hashes), labels)).astype(np.int64)
