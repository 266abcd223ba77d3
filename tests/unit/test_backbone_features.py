"""Features that several backbones gave of the same samples: how they are split, read and refused,
on small made-up ones in the layout of the published ones.
"""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from helpers.whu_rs19 import CLASSES, EACH, declared, write_arrays

from clvl_bench.backbones.precomputed import PrecomputedBackbone
from clvl_bench.core.errors import Damage, Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FeaturesSource
from clvl_bench.data.catalog.whu_rs19 import FILES, SHA256
from clvl_bench.data.readers.backbone_features import part_of_each_class, read_arrays
from clvl_bench.data.readers.reading import read_split
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs import backbone as chosen
from clvl_bench.inputs import features
from clvl_bench.inputs.backbone import backbone_for, teacher_for
from clvl_bench.inputs.features import encode
from clvl_bench.methods.none.config import NoneConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.report.published import read_published
from clvl_bench.runs.files import run_config
from clvl_bench.runs.runner import run

HALF = "clip-vit-base-patch32"
SINGLE = "georsclip-vit-base-patch32"


@pytest.fixture
def folder(tmp_path):
    return write_arrays(tmp_path / "whu")


def splits(dataset: ImageDataset) -> list[tuple[ImageDataset, Split]]:
    return [(dataset, read_split(dataset, split)) for split in ("train", "test")]


def candidates(dataset: ImageDataset) -> list[Candidate]:
    return [Candidate(name, dataset.name, dataset.templates) for name in dataset.classes]


def test_a_split_takes_the_same_share_of_each_class_and_no_sample_twice(folder):
    (_, train), (_, test) = splits(declared(folder))
    assert np.bincount(train.labels).tolist() == [EACH // 2] * CLASSES
    assert np.bincount(test.labels).tolist() == [EACH // 2] * CLASSES
    assert not set(train.keys) & set(test.keys)
    assert len({*train.keys, *test.keys}) == CLASSES * EACH


def test_parts_of_a_class_are_drawn_by_the_seed_and_fill_it():
    labels = np.repeat([0, 1], [7, 10])
    parts = [part_of_each_class(labels, a, b, seed=3) for a, b in ((0, 0.2), (0.2, 0.7), (0.7, 1))]
    assert sorted(np.concatenate(parts).tolist()) == list(range(17))
    other = part_of_each_class(labels, 0, 0.5, seed=4)
    assert other.tolist() != part_of_each_class(labels, 0, 0.5, seed=3).tolist()


def test_the_split_of_the_record_is_that_of_every_backbone_and_changes_with_the_labels(folder):
    before = [split.fingerprint for _, split in splits(declared(folder))]
    np.savez(folder / FILES[HALF], **{name: -array for name, array in arrays(folder).items()})
    assert [split.fingerprint for _, split in splits(declared(folder))] == before
    np.save(folder / "labels.npy", np.load(folder / "labels.npy")[::-1])
    assert not set(before) & {split.fingerprint for _, split in splits(declared(folder))}


def arrays(folder: Path, backbone: str = HALF) -> dict[str, np.ndarray]:
    with np.load(folder / FILES[backbone]) as file:
        return {name: file[name] for name in file.files}


def test_half_precision_features_are_made_unit_in_half_precision(folder):
    dataset = declared(folder, templates=["a satellite photo of a {}."])
    data = splits(dataset)
    backbone = backbone_for(HALF, data)
    stored = {name: torch.from_numpy(array) for name, array in arrays(folder).items()}
    row = declared(folder).templates.index("a satellite photo of a {}.")
    texts = stored["texts"][row] / stored["texts"][row].norm(dim=-1, keepdim=True)
    assert texts.dtype == torch.float16
    assert torch.equal(backbone.class_features(candidates(dataset)), texts.float())
    rows = [int(key.removeprefix("row ")) for key in data[0][1].keys]
    images = stored["images"][rows]
    images = images / images.norm(dim=-1, keepdim=True)
    assert torch.equal(encode(data[0][1], backbone), images.float())


def test_the_average_prompt_is_the_unit_mean_of_unit_features(folder):
    dataset = declared(folder)
    found = backbone_for(SINGLE, splits(dataset)).class_features(candidates(dataset))
    texts = arrays(folder, SINGLE)["texts"].astype(np.float64)
    mean = (texts / np.linalg.norm(texts, axis=-1, keepdims=True)).mean(axis=0)
    expected = mean / np.linalg.norm(mean, axis=-1, keepdims=True)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_zero_shot_is_the_nearest_text(folder, tmp_path, monkeypatch):
    """All samples at once and no label: the accuracy is that of one line of numpy."""
    monkeypatch.setenv("CLVL_DATASETS", str(tmp_path / "datasets.toml"))
    (tmp_path / "datasets.toml").write_text(
        "[dataset.whu_rs19_whole]\n"
        f'source = {{ kind = "backbone_features", path = "{folder}", sha256 = {{}} }}\n'
    )
    config = run_config("whu_rs19_published", "zeroshot", backbone=SINGLE)
    result = run(config, results=tmp_path / "results")
    texts = arrays(folder, SINGLE)["texts"].astype(np.float64)
    texts = (texts / np.linalg.norm(texts, axis=-1, keepdims=True)).mean(axis=0)
    cosines = arrays(folder, SINGLE)["images"] @ (texts / np.linalg.norm(texts, axis=1)[:, None]).T
    expected = (cosines.argmax(axis=1) == np.load(folder / "labels.npy")).mean()
    rows = [row for row in result.records if row.metric == "accuracy" and row.stream == "test"]
    assert [row.value for row in rows] == pytest.approx([expected] * 2)
    said = result.provenance
    assert {part["samples"] for part in said["data"].values()} == {CLASSES * EACH}
    assert said["images_in_train_and_test"] == {"whu_rs19_whole": CLASSES * EACH}
    assert said["prompts"] == {"whu_rs19_whole": "rs_106"}
    used = [row.value for row in result.records if row.metric == "labels_used"]
    assert used == [0], "nobody is told a label"


def test_a_teacher_needs_features_of_one_dataset_and_is_silent_about_the_others(folder, tmp_path):
    np.savez(tmp_path / "own.npz", x=np.eye(4, dtype=np.float32), y=np.arange(4) % 2)
    own = ImageDataset(
        name="own", classes=("a", "b"),
        source=FeaturesSource(
            path=tmp_path / "own.npz", splits={"test": (("x", "y"),)}, backbone=HALF
        ),
    )  # fmt: skip
    data = [*splits(declared(folder)), (own, read_split(own, "test"))]
    assert torch.equal(encode(data[-1][1], backbone_for(HALF, data)), torch.eye(4))
    teacher = teacher_for(SINGLE, data)
    assert torch.isnan(encode(data[-1][1], teacher)).all()
    assert torch.isfinite(encode(data[0][1], teacher)).all()
    with pytest.raises(Mistake, match=r"dataset.own: has features of clip-vit-base-patch32"):
        backbone_for(SINGLE, data)
    with pytest.raises(Mistake, match="teacher: unknown backbone with precomputed features 'tiny'"):
        teacher_for("tiny", data)


def test_the_backbone_is_known_by_its_texts_and_its_images(folder):
    def identity() -> str:
        found = backbone_for(HALF, splits(declared(folder)))
        assert isinstance(found, PrecomputedBackbone)
        return found.weights_sha256

    before, found = identity(), arrays(folder)
    np.savez(folder / FILES[HALF], images=-found["images"], texts=found["texts"])
    after = identity()
    np.savez(folder / FILES[HALF], images=-found["images"], texts=-found["texts"])
    assert len({before, after, identity()}) == 3


WRONG_ARRAYS = {
    "texts": lambda found: {**found, "texts": found["texts"][1:]},
    "images": lambda found: {**found, "images": found["images"][1:]},
}


@pytest.mark.parametrize("changed", WRONG_ARRAYS)
def test_arrays_of_other_shapes_are_refused(folder, changed):
    np.savez(folder / FILES[HALF], **WRONG_ARRAYS[changed](arrays(folder)))
    with pytest.raises(Mistake, match=r"expected \[114, width\] and \[106, 19, width\]"):
        backbone_for(HALF, splits(declared(folder)))


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_feature_without_a_direction_is_named(folder, value):
    found = arrays(folder)
    found["images"][3] = value
    np.savez(folder / FILES[HALF], **found)
    with pytest.raises(Damage, match="row 3 of images is zero or holds a value that is no number"):
        backbone_for(HALF, splits(declared(folder)))


def test_other_values_than_the_pinned_ones_are_refused(folder):
    pinned = declared(folder, source={"sha256": {HALF: "0" * 64}})
    with pytest.raises(Damage, match="not the published ones of clip-vit-base-patch32"):
        backbone_for(HALF, splits(pinned))
    assert backbone_for(SINGLE, splits(pinned))


def test_templates_and_classes_without_text_features_are_refused(folder):
    with pytest.raises(Mistake, match="templates: unknown template with text features 'a pixel"):
        backbone_for(HALF, splits(declared(folder, templates=["a pixel of a {}."])))
    classes = [f"class {number}" for number in range(CLASSES)]
    with pytest.raises(Mistake, match="text features are of the classes of the set 'rs_106'"):
        backbone_for(HALF, splits(declared(folder, classes=classes)))


@pytest.mark.parametrize("labels", [np.arange(114), np.zeros((114, 2), int), np.zeros(114)])
def test_labels_that_are_none_are_refused(folder, labels):
    np.save(folder / "labels.npy", labels)
    with pytest.raises(Mistake, match="holds no labels"):
        read_split(declared(folder), "train")


@pytest.mark.parametrize("file", ["labels.npy", FILES[HALF]])
@pytest.mark.parametrize("content", [b"", b"no array", None])
def test_files_that_cannot_be_read_are_named(folder, file, content):
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(Damage, match=file):
        backbone_for(HALF, splits(declared(folder)))


@pytest.fixture
def recipe():
    """The example of the documentation, as a module."""
    path = ROOT / "docs" / "examples" / "whu_rs19_features.py"
    spec = importlib.util.spec_from_file_location("whu_rs19_features", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_published(recipe, folder: Path, top: Path) -> None:
    """Arrays as the .pt files that they were published in."""
    for backbone, place in recipe.FOLDERS.items():
        (top / place).mkdir(parents=True)
        found = arrays(folder, backbone)
        templates = declared(folder).templates
        for template, text in zip(templates, found["texts"], strict=True):
            name = template.removesuffix(" {}.").replace(" ", "_")
            torch.save(torch.from_numpy(text), top / place / f"texts_{name}.pt")
        torch.save(torch.from_numpy(found["images"]), top / place / "images.pt")
        torch.save(torch.from_numpy(np.load(folder / "labels.npy")), top / place / "classes.pt")


def test_the_recipe_writes_the_published_tensors_without_change(recipe, folder, tmp_path):
    write_published(recipe, folder, tmp_path / "published")
    recipe.convert(tmp_path / "published", tmp_path / "made")
    assert np.array_equal(np.load(tmp_path / "made" / "labels.npy"), np.load(folder / "labels.npy"))
    for backbone in FILES:
        made = arrays(tmp_path / "made", backbone)
        assert made.keys() == {"images", "texts"}
        for name, array in arrays(folder, backbone).items():
            assert made[name].dtype == array.dtype
            assert np.array_equal(made[name], array)


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("it_ran",)


def test_the_recipe_reads_tensors_and_nothing_else(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(_Runs(), tmp_path / "images.pt")
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        recipe.tensor(tmp_path / "images.pt")
    assert not (tmp_path / "it_ran").exists()


def test_two_models_with_other_orders_of_samples_are_refused(recipe, folder, tmp_path):
    write_published(recipe, folder, tmp_path / "published")
    labels = torch.from_numpy(np.load(folder / "labels.npy").copy()).flip(0)
    torch.save(labels, tmp_path / "published" / "GeoRSCLIP/ViT-B-32/classes.pt")
    with pytest.raises(SystemExit, match="another order"):
        recipe.convert(tmp_path / "published", tmp_path / "made")


def test_the_real_arrays_are_those_that_the_declaration_pins(real_data):
    pinned = declared(real_data / "whu_rs19", source={"sha256": SHA256})
    for backbone in FILES:
        assert len(read_arrays(pinned, backbone)["images"]) == pinned.samples == 1005


@pytest.fixture
def published(real_data):
    """The real arrays, and the published accuracy of each template by backbone."""
    table = read_published(ROOT / "results" / "published" / "whu_rs19_zero_shot.csv")
    of_backbones = {}
    for backbone, rows in table.groupby("backbone"):
        of_backbones[backbone] = dict(zip(rows["strategy"], rows["last"], strict=True))
    return declared(real_data / "whu_rs19", "whu_rs19_whole"), of_backbones


def accuracies(dataset: ImageDataset, name: str) -> dict[str, float]:
    """Of zero-shot in each template and in their mean, in percent, by the name of the strategy."""
    data = [(dataset, read_split(dataset, "test"))]
    backbone = backbone_for(name, data)
    images = encode(data[0][1], backbone)
    labels = torch.from_numpy(data[0][1].labels)
    found = {}
    for template in (None, *dataset.templates):
        adapter = build_adapter(
            NoneConfig(template=template), backbone, candidates(dataset), seed=0
        )
        said = adapter.logits(images, tuple(range(CLASSES))).argmax(dim=1)
        strategy = "zeroshot" if template is None else f"zeroshot[adapter.template={template}]"
        found[strategy] = 100 * float((said == labels).double().mean())
    return found


def differing(published: dict[str, float], found: dict[str, float]) -> list[str]:
    """Those whose printed digit differs."""
    assert found.keys() == published.keys()
    return [name for name in published if abs(published[name] - found[name]) > 1e-3]


def test_zero_shot_is_the_published_one_for_every_model_and_prompt(published):
    dataset, of_backbones = published
    assert set(of_backbones) == set(FILES)
    wrong = {
        name: differing(told, accuracies(dataset, name)) for name, told in of_backbones.items()
    }
    assert wrong == {name: [] for name in FILES}


def test_made_unit_in_single_precision_it_is_not(published, monkeypatch):
    """60 of the 106 prompts of CLIP ViT-B/32 then have another accuracy."""
    dataset, of_backbones = published
    kept = features.unit_rows

    def in_single_precision(stored):
        return kept(stored.astype(np.float32))

    for module in (features, chosen):  # of images, and of texts
        monkeypatch.setattr(module, "unit_rows", in_single_precision)
    assert len(differing(of_backbones[HALF], accuracies(dataset, HALF))) == 60
