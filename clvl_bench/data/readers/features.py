"""Precomputed features: image features in a .npz file and one text feature a class in a .npy file;
no backbone needed.
"""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage, Mistake
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FeaturesSource
from clvl_bench.data.readers.npz import load_arrays, split_names
from clvl_bench.data.readers.split import Split


def read(dataset: ImageDataset, split: str) -> Split:
    """One split of a feature file, its parts joined in their order.

    Raises:
        Mistake: the file has no such array, or its shape or labels do not fit.
        Damage: the file cannot be read.
    """
    source = dataset.source
    assert isinstance(source, FeaturesSource)
    parts = split_names(dataset.name, source.splits, split)
    features_of_parts = []
    labels_of_parts = []
    keys = []
    for x, y in parts:
        part_features, part_labels = load_arrays(
            dataset, source.path, x, y, shape="[n, width]", fits=_are_features
        )
        features_of_parts.append(part_features.astype(np.float32))
        labels_of_parts.append(part_labels)
        keys += [f"{x}/{row}" for row in range(len(part_labels))]
    features = np.concatenate(features_of_parts)
    labels = np.concatenate(labels_of_parts)
    digest = hashlib.sha256("\n".join((source.backbone, *dataset.classes)).encode())
    digest.update(features.tobytes() + labels.tobytes())
    return Split(
        labels=labels,
        keys=tuple(keys),
        fingerprint=digest.hexdigest(),
        features=features,
    )


def read_text(dataset: ImageDataset) -> NDArray[np.float32] | None:
    """The text feature of each class [classes, width]; None where the source has none.

    Raises:
        Mistake: the rows do not fit the classes.
        Damage: the file cannot be read.
    """
    source = dataset.source
    assert isinstance(source, FeaturesSource)
    if source.text is None:
        return None
    try:
        text = np.load(source.text, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise Damage(
            f"dataset.{dataset.name}: {source.text.name}: cannot be read as .npy ({error})"
        ) from None
    if text.ndim != 2 or len(text) != len(dataset.classes):
        raise Mistake(
            f"dataset.{dataset.name}: {source.text.name} has shape {list(text.shape)}; expected "
            f"one row for each of the {len(dataset.classes)} classes"
        )
    return np.asarray(text, dtype=np.float32)


def _are_features(values: NDArray[Any]) -> bool:
    return values.ndim == 2
