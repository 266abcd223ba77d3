"""A user's own data, declared in a file in another folder: images in folders, arrays, damaged
images, precomputed features.
"""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import clvl_here
from conftest import ROOT
from helpers.observers import Interrupted, Resumed

from clvl_bench.records.run_folder import RunFolder
from clvl_bench.report.matrices import of_records
from clvl_bench.runs import provenance, runner
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.files import run_config

SCENES = """version = 1
scenario = "class_incremental"
datasets = ["scenes"]
classes_per_experience = [3, 2, 2]
label_space = "dataset"
zeroshot = ["things"]

[dataset.scenes]
title = "RSSCN7"
domain = "satellite"
source = {{ kind = "folder", path = "{scenes}", test_fraction = 0.25 }}
templates = ["a satellite photo of a {{}}.", "an aerial photo of a {{}}."]
[dataset.scenes.classes]
aGrass = "meadow"
bField = "farm field"
cIndustry = "factory"
dRiverLake = "river or lake"
eForest = "forest"
fResident = "residential area"
gParking = "parking lot"

[dataset.things]
title = "CIFAR-10"
source = {{ kind = "arrays", path = "{things}/cifar10.npz", splits = {{ test = ["test_x", "test_y"] }} }}
classes = "{things}/cifar10_names.json"
"""


@pytest.fixture
def scenes(tmp_path: Path, real_data: Path) -> Path:
    """The benchmark's file, in a folder that is not the current one; paths count from it."""
    file = tmp_path / "mine" / "scenes.toml"
    file.parent.mkdir()
    paths = {"scenes": real_data / "rsscn7", "things": real_data / "cifar"}
    file.write_text(
        SCENES.format(**{name: os.path.relpath(path, file.parent) for name, path in paths.items()})
    )
    return file


@pytest.mark.slow
def test_every_step_works_on_photographs_in_folders_with_arrays_held_out(process, tmp_path, scenes):
    short = ("--set", "train.epochs=1")
    done = process.finished("run", "mine/scenes.toml", "prompt_replay", *short, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("results/runs/*/")
    result = RunFolder(folder).result()
    data = {
        name: (part["samples"], part["skipped"]) for name, part in result.provenance["data"].items()
    }
    assert data == {"scenes/train": (420, 0), "scenes/test": (140, 0), "things/test": (1000, 0)}
    measured = {
        (r.stream, r.trained, r.experience): r for r in result.records if r.metric == "accuracy"
    }
    learned = [("test", trained, experience) for trained in range(4) for experience in range(3)]
    held_out = [("zeroshot", trained, 0) for trained in range(4)]
    assert set(measured) == {
        *learned,
        *held_out,
        *[("valid", 3, experience) for experience in range(3)],
    }
    assert [measured[cell].n for cell in learned[:3]] == [60, 40, 40], (
        "20 images of each class are for testing"
    )
    assert all(measured[cell].n == 1000 and measured[cell].dataset == "things" for cell in held_out)
    assert all(0 <= record.value <= 1 for record in measured.values())
    report = folder / "report"
    made = [path for path in report.rglob("*") if path.is_file()]
    assert {path.suffix for path in made} == {".csv", ".md", ".tex", ".png", ".html"}
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "data:image/jpeg" not in page, "no picture of a user's leaves his data unasked"
    assert str(tmp_path) not in page
    assert all(path.stat().st_size > 100 for path in made)
    assert "prompt_replay" in (report / "summary.md").read_text(encoding="utf-8")
    assert f"{report.relative_to(tmp_path)}/summary.md" in done.stdout


DAMAGED = """version = 1
scenario = "class_incremental"
datasets = ["few"]
classes_per_experience = [1, 1]
label_space = "seen"

[dataset.few]
source = { kind = "folder", path = "few", test_fraction = 0.5 }
classes = { aGrass = "meadow", eForest = "forest" }
"""


@pytest.fixture
def damaged(tmp_path: Path, real_data: Path) -> Path:
    """Twenty of the photographs, one cut off in the middle and one that is no picture at all."""
    for name in ("aGrass", "eForest"):
        (tmp_path / "few" / name).mkdir(parents=True)
        for photograph in sorted((real_data / "rsscn7" / name).iterdir())[:10]:
            shutil.copyfile(photograph, tmp_path / "few" / name / photograph.name)
    cut, none = sorted((tmp_path / "few").glob("*/*"))[3::10]
    cut.write_bytes(cut.read_bytes()[:5000])
    none.write_text("no picture", encoding="utf-8")
    (tmp_path / "damaged.toml").write_text(DAMAGED)
    return tmp_path / "damaged.toml"


def test_damaged_images_are_listed_and_counted_and_the_run_refused(tmp_path, damaged, empty_home):
    done = clvl_here("run", damaged, "zeroshot", cwd=tmp_path)
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    for damage in sorted((tmp_path / "few").glob("*/*"))[3::10]:
        assert damage.relative_to(tmp_path / "few").as_posix() in line
    assert "2 of 20" in line
    assert 'on_damage = "skip"' in line
    assert not list(tmp_path.glob("results/runs/*"))


def test_damaged_images_are_left_out_and_recorded_where_the_file_says_so(
    tmp_path, damaged, empty_home
):
    damaged.write_text(
        DAMAGED.replace("test_fraction = 0.5", 'test_fraction = 0.5, on_damage = "skip"')
    )
    done = clvl_here("run", damaged, "zeroshot", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("results/runs/*/")
    data = RunFolder(folder).result().provenance["data"]
    assert sum(part["samples"] for part in data.values()) == 18
    assert {part["skipped"] for part in data.values()} == {2}


ARRAYS = """version = 1
scenario = "class_incremental"
datasets = ["noise"]
classes_per_experience = [2, 2]
label_space = "seen"

[dataset.noise]
classes = ["a", "b", "c", "d"]
source = { kind = "arrays", path = "noise.npz", splits = { train = ["x", "y"], test = ["x", "y"] } }
on_duplicates = "report"
"""


def write_noise(folder: Path, *, seed: int) -> None:
    pictures = np.random.default_rng(seed).integers(0, 256, (80, 32, 32, 3), dtype=np.uint8)
    np.savez(folder / "noise.npz", x=pictures, y=np.tile(np.arange(4), 20))


@pytest.fixture
def interrupted(tmp_path: Path) -> RunConfig:
    """A run that was interrupted behind its first experience."""
    (tmp_path / "noise.toml").write_text(ARRAYS)
    write_noise(tmp_path, seed=0)
    config = run_config(str(tmp_path / "noise.toml"), "prompt_replay")
    with pytest.raises(KeyboardInterrupt):
        runner.run(
            config,
            results=tmp_path / "interrupted",
            progress=False,
            observer=Interrupted(behind=1),
        )
    assert list(tmp_path.glob("interrupted/runs/*/state/0001"))
    return config


@pytest.fixture
def resumed() -> Resumed:
    """Where each run went on."""
    return Resumed()


def test_an_interrupted_run_goes_on(tmp_path, interrupted, resumed):
    runner.run(interrupted, results=tmp_path / "interrupted", progress=False, observer=resumed)
    assert resumed.at == [1]


def test_a_run_whose_data_changed_while_it_was_interrupted_starts_anew(
    tmp_path, interrupted, resumed
):
    write_noise(tmp_path, seed=1)
    went_on, fresh = (
        runner.run(interrupted, results=tmp_path / name, progress=False, observer=resumed)
        for name in ("interrupted", "fresh")
    )
    assert resumed.at == [None, None]
    assert went_on.records == fresh.records
    assert went_on.provenance == fresh.provenance


def test_a_run_whose_software_changed_while_it_was_interrupted_starts_anew(
    tmp_path, interrupted, resumed, monkeypatch
):
    monkeypatch.setattr(provenance, "versions", lambda: {"torch": "another"})
    result = runner.run(
        interrupted, results=tmp_path / "interrupted", progress=False, observer=resumed
    )
    assert resumed.at == [None]
    assert result.provenance["versions"] == {"torch": "another"}


IMAGENET = """version = 1
scenario = "class_incremental"
datasets = ["imagenet"]
classes_per_experience = [400, 600]
label_space = "dataset"
valid_fraction = 0.0

[dataset.imagenet]
title = "ImageNet, 7,000 training images"
splits = {{}}
classes = "names.json"

[dataset.imagenet.source]
kind = "features"
backbone = "OpenAI CLIP ViT-B/32"
path = "{data}/clip_vitb32_features/imagenet.npz"
text = "{data}/clip_vitb32_text/imagenet1k_a_photo_of.npy"

[dataset.imagenet.source.splits]
train = [["train1_x", "train1_y"]]
test = [["train4_x", "train4_y"], ["train2_x", "train2_y"], ["train1_x", "train1_y"]]
"""


@pytest.fixture
def imagenet(tmp_path: Path, real_data: Path) -> Path:
    (tmp_path / "imagenet.toml").write_text(
        IMAGENET.format(data=os.path.relpath(real_data, tmp_path))
    )
    names = json.loads((real_data / "clip_vitb32_text" / "imagenet1k_names.json").read_bytes())
    (tmp_path / "names.json").write_text(
        json.dumps([f"{number} {name}" for number, name in enumerate(names)])
    )
    return tmp_path / "imagenet.toml"


def test_zeroshot_accuracy_of_clip_on_imagenet_is_the_known_one(tmp_path, imagenet):
    done = clvl_here("run", imagenet, "zeroshot", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("results/runs/*/")
    records = [record for record in RunFolder(folder).result().records if record.stream == "test"]
    for trained in range(3):
        cells = [
            record
            for record in records
            if record.trained == trained and record.metric == "accuracy"
        ]
        assert sum(cell.n for cell in cells) == 7000
        accuracy = sum(cell.value * cell.n for cell in cells) / 7000
        assert accuracy == pytest.approx(0.61125, abs=0.0005), (
            "measured elsewhere with the same features"
        )


@pytest.mark.parametrize(
    ("strategy", "part"), [("prompt_replay", "prompt"), ("finetune", "pixels")]
)
def test_a_strategy_that_needs_towers_refuses_features(tmp_path, imagenet, strategy, part):
    done = clvl_here("run", imagenet, strategy, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert part in line
    assert "precomputed features" in line
    assert not list(tmp_path.glob("results/runs/*"))


SOURCES = {
    "imagenet": "imagenet",
    "caltech101": "caltech101",
    "flowers102": "oxford_flowers",
    "dtd": "dtd",
}


@pytest.fixture
def examples(tmp_path: Path, real_data: Path) -> Path:
    """The examples of the documentation, with real features where they look for them."""
    folder = tmp_path / "features"
    folder.mkdir()
    text = real_data / "clip_vitb32_text"
    for name, source in SOURCES.items():
        (folder / f"{name}.npz").symlink_to(real_data / "clip_vitb32_features" / f"{source}.npz")
        facts = json.loads((real_data / "clip_vitb32_features" / f"{source}.json").read_bytes())
        names = facts.get("classnames") or json.loads((text / "imagenet1k_names.json").read_bytes())
        numbered = [
            name if names.count(name) == 1 else f"{name} ({row})" for row, name in enumerate(names)
        ]
        (folder / f"{name}_names.json").write_text(json.dumps(numbered))
    (folder / "imagenet_text.npy").symlink_to(text / "imagenet1k_a_photo_of.npy")
    for example in (ROOT / "docs" / "examples").glob("clip_*.toml"):
        shutil.copy(example, tmp_path)
    return tmp_path


SHORTER = {
    "linear": ("--set", "train.epochs=3"),
    "ranpac": ("--set", "adapter.random_features=600"),
}
"""Less than the strategy's file asks for: it learns enough to be seen."""


@pytest.mark.parametrize("strategy", ["zeroshot", "linear", "slda", "ranpac", "tip_adapter"])
def test_imagenet_in_ten_experiences_on_real_features(examples, strategy):
    shorter = SHORTER.get(strategy, ())
    done = clvl_here("run", "clip_imagenet.toml", strategy, *shorter, cwd=examples)
    assert done.returncode == 0, done.stderr
    (folder,) = examples.glob("results/runs/*/")
    matrices = of_records(RunFolder(folder).result().records)
    assert matrices.test.shape == (11, 10)
    assert matrices.sizes.tolist() == [400] * 10
    assert matrices.test[0].mean() == pytest.approx(0.61125, abs=0.01), (
        "measured elsewhere over all 7,000 rows"
    )
    assert matrices.test[-1].mean() > 0.2


@pytest.mark.parametrize("strategy", ["linear", "slda", "ranpac", "tip_adapter"])
def test_three_domains_without_text_have_no_zero_shot_row_and_are_learned(examples, strategy):
    shorter = SHORTER.get(strategy, ())
    done = clvl_here("run", "clip_three_domains.toml", strategy, *shorter, cwd=examples)
    assert done.returncode == 0, done.stderr
    (folder,) = examples.glob("results/runs/*/")
    matrices = of_records(RunFolder(folder).result().records)
    assert matrices.sizes.tolist() == [2465, 2463, 1692]
    assert np.isnan(matrices.test[0]).all()
    assert matrices.test[-1].mean() > 0.6


def test_a_stream_without_text_is_all_wrong_until_labels_arrive_and_learned_from_then_on(examples):
    done = clvl_here("run", "clip_caltech101_delay.toml", "slda", cwd=examples)
    assert done.returncode == 0, done.stderr
    (folder,) = examples.glob("results/runs/*/")
    rows = [row for row in RunFolder(folder).result().records if row.metric == "prequential"]
    assert rows[0].value == 0.0, "the first labels come ten steps late, a window has four steps"
    assert rows[-1].value > 0.5


def test_a_learner_that_compares_with_texts_refuses_features_without_them(examples):
    done = clvl_here("run", "clip_three_domains.toml", "clip_adapter", cwd=examples)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert re.search(
        r"the adapter 'clip_adapter' compares images with class texts, but (\d+) of \1 classes "
        r"have none",
        line,
    )
    assert not list(examples.glob("results/runs/*/result.json"))


def test_the_experiment_over_real_features_names_runs_that_exist(examples):
    done = clvl_here("check", "clip_imagenet_learners.toml", cwd=examples)
    assert done.returncode == 0, done.stderr


COPY = """version = 1
scenario = "class_incremental"
datasets = ["eurosat"]
classes_per_experience = [5, 5]
label_space = "dataset"
{prompts}
[dataset.eurosat]
splits = {{}}
source = {source}
"""
LISTS = '{ train = "train.txt", valid = "validate.txt", test = "test.txt" }'


@pytest.fixture
def tiles(tmp_path: Path, real_data: Path) -> dict[str, str]:
    """A hundred real EuroSAT tiles: 13-band files and pictures with published lists, and the
    pictures as parquet.
    """
    top = real_data / "eurosat100"
    split_of = json.loads((top / "split.json").read_bytes())
    for split in ("train", "validate", "test"):
        names = [name for name, whose in split_of.items() if whose == split]
        (tmp_path / f"{split}.txt").write_text("".join(f"{name}.jpg\n" for name in names))
        pictures = [top / "rgb_0_2750" / name.partition("_")[0] / f"{name}.png" for name in names]
        table = {
            "image": [file.read_bytes() for file in pictures],
            "label": [file.parent.name for file in pictures],
        }
        (tmp_path / "data").mkdir(exist_ok=True)
        pq.write_table(
            pa.table(table),
            tmp_path / "data" / f"{split.replace('validate', 'validation')}-0.parquet",
        )
    bands = (
        f'path = "{top}/tif13", split_file = {LISTS}, render = {{ bands = [4, 3, 2], white = '
        f"2750 }}"
    )
    return {
        "bands": f'{{ kind = "folder", {bands} }}',
        "pictures": f'{{ kind = "folder", path = "{top}/rgb_0_2750", split_file = {LISTS} }}',
        "parquet": f'{{ kind = "parquet", path = "{tmp_path}" }}',
    }


def test_ones_own_copy_of_eurosat_gives_the_same_rows_from_bands_pictures_and_parquet(
    tmp_path, tiles, empty_home
):
    found = {}
    for name, source in tiles.items():
        (tmp_path / "eurosat.toml").write_text(COPY.format(prompts="", source=source))
        done = clvl_here("run", "eurosat.toml", "zeroshot", "--results", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        (folder,) = tmp_path.glob(f"{name}/runs/*/")
        found[name] = RunFolder(folder).result()
    data = found["bands"].provenance["data"]
    assert {split: part["samples"] for split, part in data.items()} == {
        "eurosat/train": 60,
        "eurosat/test": 20,
    }
    assert all(result.provenance["data"] == data for result in found.values())
    assert found["bands"].records == found["pictures"].records == found["parquet"].records
    assert {result.provenance["prompts"]["eurosat"] for result in found.values()} == {"openai"}


def test_the_set_of_prompts_is_in_the_record_by_its_name(tmp_path, tiles, empty_home):
    origins = []
    for prompts in ("", 'prompts = "coop"'):
        (tmp_path / "eurosat.toml").write_text(
            COPY.format(prompts=prompts, source=tiles["parquet"])
        )
        done = clvl_here(
            "run", "eurosat.toml", "zeroshot", "--results", prompts or "results", cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        (folder,) = tmp_path.glob(f"{prompts or 'results'}/runs/*/")
        origins.append(RunFolder(folder).result().provenance)
    assert [origin["prompts"] for origin in origins] == [{"eurosat": "openai"}, {"eurosat": "coop"}]
    assert len({origin["prompts_sha256"] for origin in origins}) == 2
    mixed = clvl_here(
        "report", *(folder for folder in tmp_path.glob("*/runs/*")), "--out", "table", cwd=tmp_path
    )
    assert mixed.returncode == 2
    assert "runs with different prompts" in mixed.stderr


def test_a_split_of_another_size_than_published_is_refused(tmp_path, tiles, empty_home):
    (tmp_path / "eurosat.toml").write_text(
        COPY.format(prompts="", source=tiles["parquet"]).replace("splits = {}\n", "")
    )
    done = clvl_here("run", "eurosat.toml", "zeroshot", cwd=tmp_path)
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert "has 60 samples, published are 16200" in line
    assert "set splits = {}" in line
