"""Views: a pure function of image and key, cut as torchvision cuts, read in training alone; of
cached features encoded once.
"""

import random

import numpy as np
import pytest
import torch
from avalanche.training.plugins import EvaluationPlugin
from helpers.observers import Interrupted
from PIL import Image
from scipy.stats import ks_2samp

from clvl_bench.backbones.preprocessing import Preprocessing
from clvl_bench.core.errors import Mistake
from clvl_bench.core.rng import rng
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs.augmentation_config import AugmentationConfig
from clvl_bench.inputs.views import FeatureViews, PixelViews, draw_box, view_of
from clvl_bench.runs.files import run_config
from clvl_bench.runs.runner import run
from clvl_bench.runs.setup import Sources, prepare
from clvl_bench.training.strategy import build_strategy

PUBLISHED = AugmentationConfig(scale=(0.9, 1.0))
CROP_AND_FLIP = AugmentationConfig(scale=(0.08, 1.0), flip=True, views=3)
SIDE = Preprocessing(32, 32, (0.5,) * 3, (0.5,) * 3)
ON = ("train.augmentation.scale=[0.08, 1.0]", "train.augmentation.flip=true")


def pictures(count: int, height: int = 48, width: int = 40) -> np.ndarray:
    shape = (count, height, width, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def split_of(images: np.ndarray) -> Split:
    count = len(images)
    return Split(
        np.zeros(count, dtype=np.int64),
        tuple(map(str, range(count))),
        f"{count:064x}",
        image=lambda row: images[row],
    )


# --- one view ---


@pytest.mark.parametrize(("height", "width"), [(40, 60), (30, 200)])
def test_boxes_are_distributed_as_torchvisions(height, width):
    """The second image is so long that some draws fall back to its middle."""
    from torchvision.transforms import v2

    crop = v2.RandomResizedCrop(32, scale=(0.3, 1.0))
    picture = Image.new("RGB", (width, height))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = [crop.make_params([picture]) for _ in range(1000)]
    ours = np.array([draw_box(height, width, (0.3, 1.0), rng("box", key)) for key in range(1000)])
    for column, name in enumerate(("top", "left", "height", "width")):
        drawn = [box[name] for box in theirs]
        assert ks_2samp(ours[:, column], drawn).pvalue > 0.01


def test_a_view_is_pillows_crop_and_resize_of_the_drawn_box():
    image = pictures(1)[0]
    view = view_of(image, SIDE, PUBLISHED, "key")
    top, left, height, width = draw_box(48, 40, (0.9, 1.0), rng("augmentation", "key"))
    part = Image.fromarray(image).crop((left, top, left + width, top + height))
    expected = np.asarray(part.resize((32, 32), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    np.testing.assert_array_equal(view, expected)


def test_with_flip_about_half_of_the_views_are_mirrored_and_the_others_are_not():
    image = pictures(1)[0]
    plain = AugmentationConfig(scale=(0.9, 1.0))
    flipping = AugmentationConfig(scale=(0.9, 1.0), flip=True)
    mirrored = 0
    for key in range(200):
        straight = view_of(image, SIDE, plain, key)
        view = view_of(image, SIDE, flipping, key)
        is_mirror = np.array_equal(view, straight[:, :, ::-1])
        assert is_mirror != np.array_equal(view, straight)
        mirrored += is_mirror
    assert 75 <= mirrored <= 125  # 3.5 deviations of a fair coin


# --- pixels ---


@pytest.fixture
def pixel_views():
    images = pictures(8)
    return PixelViews(CROP_AND_FLIP, lambda sample: images[sample], SIDE)


def test_a_pixel_view_depends_on_seed_experience_epoch_and_sample_and_on_nothing_else(pixel_views):
    ids = torch.arange(8)
    whole = pixel_views(ids, 1, 2, 3)
    alone = [pixel_views(ids[row : row + 1], 1, 2, 3) for row in reversed(range(8))]
    assert torch.equal(torch.cat(alone[::-1]), whole)
    for other in ((0, 2, 3), (1, 0, 3), (1, 2, 0)):
        assert not torch.equal(pixel_views(ids, *other), whole)
    same = PixelViews(CROP_AND_FLIP, lambda sample: pictures(8)[0], SIDE)
    assert len(same(ids, 1, 2, 3).unique(dim=0)) == 8


def test_views_neither_read_nor_move_a_global_generator(pixel_views):
    ids = torch.arange(8)
    found = []
    for seed in (0, 1):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        states = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state())
        found.append(pixel_views(ids, 1, 2, 3))
        assert random.getstate() == states[0]
        assert np.random.get_state()[1].tolist() == states[1]
        assert torch.equal(torch.get_rng_state(), states[2])
    assert torch.equal(*found)


# --- cached features ---


@pytest.fixture
def counted(tiny, monkeypatch):
    monkeypatch.setattr(tiny, "images_encoded", 0)
    return tiny


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("clvl_bench.inputs.features.CHUNK", 4)


def feature_views(backbone, config=CROP_AND_FLIP):
    splits = [split_of(pictures(count)) for count in (3, 6, 5)]
    return FeatureViews(config, splits, [False, True, True], backbone)


def test_each_view_of_a_trained_image_is_encoded_once_and_never_again(
    counted, empty_home, small_chunks
):
    first = feature_views(counted)
    assert counted.images_encoded == 3 * (6 + 5)
    again = feature_views(counted)
    more = feature_views(counted, CROP_AND_FLIP.model_copy(update={"views": 4}))
    assert counted.images_encoded == 4 * (6 + 5)
    ids = torch.arange(3, 14)
    assert torch.equal(first(ids, 0, 0, 0), again(ids, 0, 0, 0))
    assert more(ids, 0, 0, 0).shape == (11, counted.width)


def test_a_feature_view_is_what_the_tower_says_of_the_drawn_pixels(tiny, empty_home):
    views = feature_views(tiny)
    images = pictures(6)
    pixels = [
        view_of(images[2], tiny.preprocessing, CROP_AND_FLIP, f"{6:064x} 2", number)
        for number in range(3)
    ]
    expected = tiny.image_features(torch.from_numpy(np.stack(pixels)))
    for epoch in range(4):
        (found,) = views(torch.tensor([5]), 0, 0, epoch)
        assert (found - expected).abs().amax(dim=1).min() < 1e-4


def test_which_view_is_read_depends_on_seed_experience_epoch_and_sample_and_on_nothing_else(
    tiny, empty_home
):
    views = feature_views(tiny)
    ids = torch.arange(3, 14)
    whole = views(ids, 1, 2, 3)
    alone = [views(ids[row : row + 1], 1, 2, 3) for row in reversed(range(11))]
    assert torch.equal(torch.cat(alone[::-1]), whole)
    for other in ((0, 2, 3), (1, 0, 3), (1, 2, 0)):
        assert not torch.equal(views(ids, *other), whole)
    # One image in every row: only the sample differs.
    same = np.repeat(pictures(1), 20, axis=0)
    alike = split_of(same)
    hashed = Split(**{**vars(alike), "hashes": ("one",) * 20})
    read = FeatureViews(CROP_AND_FLIP, [hashed], [True], tiny)(torch.arange(20), 0, 0, 0)
    assert len(read.unique(dim=0)) == 3


def test_every_view_is_read_about_as_often(tiny, empty_home):
    views = feature_views(tiny)
    read = torch.cat([views(torch.tensor([3]), 0, 0, epoch) for epoch in range(300)])
    _, counts = read.unique(dim=0, return_counts=True)
    assert len(counts) == 3
    assert counts.min() > 70


def test_a_sample_that_is_not_trained_on_has_no_view(tiny, empty_home):
    with pytest.raises(IndexError):
        feature_views(tiny)(torch.tensor([1]), 0, 0, 0)


# --- a strategy ---


class Heard:
    """Hears what a strategy reads in training and in testing: (ids, epoch, inputs)."""

    def __init__(self):
        self.trained = []
        self.tested = []

    def before_training_iteration(self, strategy, **kwargs):
        epoch = strategy.clock.train_exp_epochs
        self.trained.append((strategy.mbatch[2], epoch, strategy.mb_x))

    def before_eval_iteration(self, strategy, **kwargs):
        self.tested.append((strategy.mbatch[2], strategy.mb_x))


@pytest.mark.parametrize("name", ["prompt", "finetune"])
def test_training_reads_views_and_testing_the_images_themselves(name):
    """Whatever is read, features or pixels; the strategy's own training samples are tested."""
    config = run_config("toy_landcover", name, limit=10, overrides=[*ON, "train.epochs=2"])
    prepared = prepare(config)
    view = prepared.benchmark.view
    strategy = build_strategy(
        config.strategy_config,
        prepared.backbone,
        view,
        evaluator=EvaluationPlugin(collect_all=False),
        seed=7,
    )
    heard = Heard()
    strategy.plugins.append(heard)
    experience = prepared.benchmark.scenario.train_stream[0]
    prepared.benchmark.label_store.reveal(experience.spec.ids)
    strategy.train(experience, eval_streams=[])
    strategy.eval([experience])
    assert {epoch for _, epoch, _ in heard.trained} == {0, 1}
    for ids, epoch, read in heard.trained:
        assert torch.equal(read, view.views(ids, 7, 0, epoch))
        assert not torch.equal(read, view.inputs(ids))
    for ids, read in heard.tested:
        assert torch.equal(read, view.inputs(ids))
    assert len(torch.cat([ids for ids, _ in heard.tested])) == len(experience.spec.ids)


class NeverSeen(Sources):
    """A backbone whose features nobody has encoded yet."""

    def __init__(self, backbone):
        self._backbone = backbone

    def backbone(self, name, parts, *, device, precision):
        return self._backbone


def test_a_trained_image_costs_one_tower_call_and_one_a_view_and_any_other_image_one(
    counted, monkeypatch, tmp_path
):
    """Others are those that are tested, and the reference's."""
    monkeypatch.setattr(counted, "files_sha256", str(tmp_path))
    overrides = [*ON, "train.augmentation.views=2"]
    config = run_config("toy_landcover", "prompt", limit=10, overrides=overrides)
    prepared = prepare(config, sources=NeverSeen(counted))
    trained = [each for each in prepared.parts if each.split == "train"]
    assert {each.dataset.name for each in trained} == {"toy_landcover", "toy_reference"}
    (stream,) = (each for each in trained if each.dataset.name == "toy_landcover")
    images = sum(len(each.data) for each in prepared.parts)
    assert counted.images_encoded == images + 2 * len(stream.data)


def test_an_interrupted_run_goes_on_with_the_views_that_it_would_have_seen(tmp_path):
    config = run_config("toy_landcover", "linear", limit=5, overrides=[*ON, "train.epochs=1"])
    whole = run(config, results=tmp_path / "whole", progress=False)
    with pytest.raises(KeyboardInterrupt):
        run(config, results=tmp_path / "cut", progress=False, observer=Interrupted(2))
    continued = run(config, results=tmp_path / "cut", progress=False)
    assert continued.records == whole.records


# --- settings ---


def test_augmentation_is_in_the_id_and_switched_off_it_leaves_no_trace():
    plain = run_config("toy_landcover", "prompt")
    ids = {plain.id, run_config("toy_landcover", "prompt", overrides=ON).id}
    for more in ("views=2", "flip=false", "scale=[0.9, 1.0]"):
        overrides = [*ON, f"train.augmentation.{more}"]
        ids.add(run_config("toy_landcover", "prompt", overrides=overrides).id)
    assert len(ids) == 5
    off = run_config("toy_landcover", "prompt", overrides=["train.augmentation=none"])
    assert off.hashed()["strategy_config"] == plain.hashed()["strategy_config"]


@pytest.mark.parametrize("name", ["finetune_mtil", "zscl_mtil"])
def test_the_published_recipe_of_mtil_has_its_views(name):
    config = run_config("toy_landcover", name)
    assert config.strategy_config.train.augmentation == PUBLISHED


@pytest.mark.parametrize(
    ("benchmark", "strategy", "overrides", "said"),
    [
        ("toy_landcover", "prompt", [ON[1]], "train.augmentation.scale: is missing; add it"),
        (
            "toy_landcover",
            "prompt",
            ["train.augmentation.scale=[0, 1]"],
            "train.augmentation: scale: got [0.0, 1.0]; give two shares",
        ),
        ("toy_landcover", "zeroshot", ON, "'none', which does not train; leave it out"),
        ("toy_landcover", "gdumb", ON, "'gdumb', which trains on what its memory holds"),
        ("toy_scans_vqa", "answers_product", ON, "only images that are classified are augmented"),
        ("toy_online", "naive", ON, "toy_online is online: there a sample is learned from as it"),
    ],
)
def test_where_no_view_can_be_had_one_line_says_so(benchmark, strategy, overrides, said):
    with pytest.raises(Mistake) as refused:
        run_config(benchmark, strategy, overrides=overrides)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_precomputed_features_have_no_views(tmp_path):
    (tmp_path / "f.npz").touch()
    (tmp_path / "b.toml").write_text(
        'version = 1\nscenario = "joint"\ndatasets = ["mine"]\nlabel_space = "seen"\n'
        '[dataset.mine]\nclasses = ["a", "b"]\ntemplates = ["a {}."]\n'
        'source = { kind = "features", path = "f.npz", backbone = "x", '
        'splits = { train = [["a", "b"]], test = [["c", "d"]] } }\n'
    )
    with pytest.raises(Mistake, match="mine has precomputed features, no pixels"):
        run_config(str(tmp_path / "b.toml"), "linear", overrides=ON)
