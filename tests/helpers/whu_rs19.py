"""Small made-up features in the layout of WHU-RS19's published ones."""

from pathlib import Path

import numpy as np

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.listing import find
from clvl_bench.data.catalog.overlay import overlaid
from clvl_bench.data.catalog.whu_rs19 import FILES

TEMPLATES = 106
CLASSES = 19
EACH = 6
"""Samples of each class."""
WIDTH = 4


def write_arrays(folder: Path, *, width: int = WIDTH) -> Path:
    """`labels.npy` and four files of features near their class's texts; those of CLIP in half
    precision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    labels = generator.permutation(np.repeat(np.arange(CLASSES), EACH))
    np.save(folder / "labels.npy", labels)
    for backbone, file in FILES.items():
        kind = np.float16 if backbone.startswith("clip") else np.float32
        centres = generator.normal(size=(CLASSES, width))
        texts = centres + 0.3 * generator.normal(size=(TEMPLATES, CLASSES, width))
        images = centres[labels] + 0.5 * generator.normal(size=(len(labels), width))
        np.savez(folder / file, images=images.astype(kind), texts=texts.astype(kind))
    return folder


def declared(folder: Path, name: str = "whu_rs19", **table: object) -> ImageDataset:
    """The suite's declaration, for arrays that are not the published ones."""
    own = {"kind": "backbone_features", "path": folder, "sha256": {}}
    told = {**table, "source": {**own, **table.get("source", {})}}  # type: ignore[dict-item]
    return ImageDataset.model_validate(overlaid(find(name), told))
