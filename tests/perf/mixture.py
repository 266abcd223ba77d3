"""A mixture: features in normal clusters around random directions, which are also the texts of the
classes.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

WIDTH = 64
DATASET = """[dataset.mixture]
domain = "general"
classes = "names.json"
[dataset.mixture.source]
kind = "features"
backbone = "a mixture"
path = "features.npz"
text = "text.npy"
splits = { train = [["train_x", "train_y"]], test = [["test_x", "test_y"]] }
"""


def write_mixture(folder: Path, benchmark: str, classes: int, samples: Mapping[str, int]) -> Path:
    """The files of it, and a benchmark on them, whose file is given back.

    Args:
        benchmark: its lines above those of the dataset.
        samples: of each split; classes take turns.
    """
    dice = np.random.default_rng(0)
    text = dice.standard_normal((classes, WIDTH)).astype(np.float32)
    arrays = {}
    for split, count in samples.items():
        labels = np.arange(count) % classes
        noise = 2 * dice.standard_normal((count, WIDTH)).astype(np.float32)
        arrays[f"{split}_x"] = text[labels] + noise
        arrays[f"{split}_y"] = labels
    np.savez(folder / "features.npz", **arrays)
    np.save(folder / "text.npy", text)
    (folder / "names.json").write_text(json.dumps([f"class {number}" for number in range(classes)]))
    (folder / "stream.toml").write_text(benchmark + DATASET)
    return folder / "stream.toml"
