"""Features that are no numbers, or have no direction: file and row, class, or weights are named,
before anything is learned or recorded.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.core.errors import Damage, RunFailed
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FeaturesSource
from clvl_bench.data.readers.features import read_text
from clvl_bench.data.readers.reading import read_split
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs.features import encode
from clvl_bench.training.strategy import AdaptationStrategy

WRONG = {
    "nan": math.nan,
    "inf": math.inf,
    "too large for fp32": 1e300,
    "zero": 0.0,
    "too small for fp32": 1e-30,
}


def dataset(folder, *, row=1.0, text=None) -> ImageDataset:
    features = np.ones((6, 4))
    features[3] = row
    np.savez(folder / "f.npz", x=features, y=np.arange(6) % 2)
    if text is not None:
        np.save(folder / "t.npy", text)
    source = FeaturesSource(
        path=folder / "f.npz",
        backbone="b",
        splits={"train": [("x", "y")], "test": [("x", "y")]},
        text=None if text is None else folder / "t.npy",
    )
    return ImageDataset(name="mine", classes=("wren", "kite"), source=source)


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("text", [None, np.eye(4)[:2]], ids=["without texts", "with texts"])
def test_a_row_of_a_feature_file_is_named(tmp_path, value, text):
    row = np.zeros(4)
    row[1] = value
    with pytest.raises(Damage, match=r"mine: f\.npz: row 3 of x is zero or holds"):
        read_split(dataset(tmp_path, row=row, text=text), "test")


@pytest.mark.parametrize("value", [1e-15, 1e15])
def test_small_and_large_features_are_features(tmp_path, value):
    split = read_split(dataset(tmp_path, row=value), "test")
    units = l2_normalize(torch.from_numpy(split.features("b")))
    assert torch.allclose(units, torch.full((6, 4), 0.5))


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG.keys())
def test_the_class_of_a_text_row_is_named(tmp_path, value):
    text = np.eye(4)[:2]
    text[1, 1] = value
    with pytest.raises(Damage, match=r"mine: t\.npy: row 1, of the class 'kite', is zero or holds"):
        read_text(dataset(tmp_path, text=text), "b")


def images(count: int = 3) -> Split:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 40, 40, 3), dtype=np.uint8)
    keys = tuple(f"{row}.png" for row in range(count))
    return Split(np.zeros(count, dtype=np.int64), keys, "0" * 64, image=lambda row: pixels[row])


@pytest.fixture
def broken(random_clip):
    """A backbone of which one weight of each tower is no number."""
    backbone = load_backbone(str(random_clip()))
    for tower in (backbone.towers.visual_projection, backbone.towers.text_projection):
        tower.weight.data[0, 0] = math.nan
    return backbone


def test_the_weights_are_named_that_make_image_features_none(broken, empty_home):
    with pytest.raises(Damage, match=r"of the image '0\.png' is no number.*'visual_projection\."):
        encode(images(), broken)


def test_the_weights_are_named_that_make_class_features_none(broken):
    broken.towers.visual_projection.weight.data[0, 0] = 0
    with pytest.raises(Damage, match=r"of the text 'a kite' is no number.*'text_projection\."):
        broken.class_features([Candidate("kite", "mine", ("a {}",))])


def test_features_without_a_direction_are_refused_too(random_clip, empty_home):
    backbone = load_backbone(str(random_clip()))
    backbone.towers.visual_projection.weight.data.zero_()
    with pytest.raises(Damage, match="no number or zero, though its weights are numbers"):
        encode(images(), backbone)


def test_a_precision_that_does_not_suffice_is_named(random_clip):
    backbone = load_backbone(str(random_clip()))
    backbone.precision = "fp16"
    features = torch.tensor([[1.0, 2.0], [math.inf, 1.0]])
    with pytest.raises(RunFailed, match="of the text 'b' is no number: precision fp16 does not"):
        backbone.refuse_no_numbers(features, ["a", "b"], what="text")


@pytest.mark.parametrize("learns", ["gradient", "closed_form", "nothing"])
def test_a_smaller_rate_is_advised_only_where_there_is_one(learns):
    strategy = SimpleNamespace(adapter=SimpleNamespace(learns=learns))
    failure = AdaptationStrategy.broken(strategy, "scores are not numbers")
    assert ("train.lr" in str(failure)) == (learns == "gradient")
