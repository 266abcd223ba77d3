"""Arrays: images and labels in a .npz file."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage
from clvl_bench.core.files import file_md5, is_file
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import ArraysSource
from clvl_bench.data.readers.npz import load_arrays, split_names
from clvl_bench.data.readers.split import Image, Split, canonical_order, fingerprint, pixel_hash


def read(dataset: ImageDataset, split: str) -> Split:
    """One split of an array file.

    Raises:
        Mistake: the file has no such array, or its shape or labels do not fit.
        Damage: the file cannot be read, or is none of the published ones.
    """
    source = dataset.source
    assert isinstance(source, ArraysSource)
    _must_be_published(dataset.name, source)
    names = split_names(dataset.name, source.splits, split)
    images, labels = load_arrays(
        dataset, source.path, *names, shape="uint8 [n, height, width, 3] or grey", fits=_are_images
    )
    hashes = [pixel_hash(_rgb(image)) for image in images]
    order = canonical_order(labels, hashes)
    hashes = [hashes[row] for row in order]

    def image(row: int) -> Image:
        return _rgb(images[order[row]])

    return Split(
        labels=labels[order],
        keys=tuple(f"{names[0]}/{row}" for row in order),
        fingerprint=fingerprint(dataset.classes, labels[order], hashes),
        image=image,
        hashes=tuple(hashes),
    )


def _must_be_published(name: str, source: ArraysSource) -> None:
    """Where the publishers say the md5 of their files."""
    if not source.md5 or not is_file(source.path):
        return
    found = file_md5(source.path)
    if found not in source.md5.values():
        published = ", ".join(f"{each[:8]} ({what})" for what, each in source.md5.items())
        raise Damage(
            f"{name}: the md5 of {source.path.name} is {found[:8]}, published are {published}; get "
            f"it again, or where yours is another release on purpose, set md5 = {{}} in its source"
        )


def _are_images(values: NDArray[Any]) -> bool:
    """RGB [n, height, width, 3], or grey [n, height, width] with or without an axis of 1 behind."""
    if values.dtype != np.uint8:
        return False
    return values.ndim == 3 or (values.ndim == 4 and values.shape[-1] in (1, 3))


def _rgb(image: NDArray[np.uint8]) -> Image:
    """Grey becomes three equal channels, as a grey picture file does."""
    grey = image if image.ndim == 3 else image[..., None]
    return np.broadcast_to(grey, (*grey.shape[:2], 3)).copy()
