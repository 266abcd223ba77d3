"""Arrays: images and labels in a .npz file."""

import numpy as np

from clvl_bench.datasets import ArraysSource, ImageDataset
from clvl_bench.readers.npz import load_arrays, split_names
from clvl_bench.readers.split import Split, canonical_order, fingerprint, pixel_hash


def read(dataset: ImageDataset, split: str) -> Split:
    """One split of an array file.

    Raises:
        Mistake: the file has no such array, or its shape or labels do not fit.
        Damage: the file cannot be read.
    """
    source = dataset.source
    assert isinstance(source, ArraysSource)
    names = split_names(dataset.name, source.splits, split)
    images, labels = load_arrays(dataset, source.path, *names, shape="uint8 [n, height, width, 3]", dimensions=4)
    hashes = [pixel_hash(image) for image in images]
    order = canonical_order(labels, hashes)
    return Split(
        labels=labels[order],
        keys=tuple(f"{names[0]}/{row}" for row in order),
        fingerprint=fingerprint(dataset.classes, labels[order], [hashes[row] for row in order]),
        image=lambda row: np.asarray(images[order[row]], dtype=np.uint8),
    )
