"""Any dataset repository of the hub, in the layout of the hub library's own cache: what its card
says is a configuration and a split, in each format that is read.
"""

import hashlib
import io
import json
import os
import socket
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from clvl_bench.core.errors import Damage, Missing, Mistake
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import HubSource
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.reading import is_here, read_split
from clvl_bench.data.readers.vqa.reading import read_questions
from clvl_bench.runs.files import load
from clvl_bench.streams.reading import read_slices

COMMIT = "0123456789" * 4
NAMES = ["forest", "river"]
"""In the order of the label numbers; the dataset declares them the other way round."""
TRUTH = {10: "river", 20: "forest", 30: "river"}
"""The colour of each picture of the training split, and its class."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", connect)


def png(colour: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), colour, np.uint8)).save(data, "PNG")
    return data.getvalue()


def put(cache: Path, files: dict[str, bytes | str], repository: str = "me/tiles") -> None:
    """A repository as the hub library keeps it: files are blobs, a snapshot holds links to them."""
    top = cache / f"datasets--{repository.replace('/', '--')}"
    (top / "blobs").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        blob = top / "blobs" / hashlib.sha256(data).hexdigest()
        blob.write_bytes(data)
        link = top / "snapshots" / COMMIT / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))


def as_parquet(columns: dict[str, object]) -> bytes:
    data = io.BytesIO()
    pq.write_table(pa.table(columns), data)
    return data.getvalue()


def images(colours: list[int]) -> list[dict[str, object]]:
    return [{"bytes": png(colour), "path": f"{colour}.png"} for colour in colours]


def card(*configurations: str, features: str = "") -> str:
    return f"---\nconfigs:\n{''.join(configurations)}{features}---\n# Tiles\n"


def configuration(name: str, suffix: str) -> str:
    return (
        f"- config_name: {name}\n  data_files:\n"
        f"  - split: train\n    path: {name}/train*{suffix}\n"
        f"  - split: dev\n    path: {name}/dev*{suffix}\n"
    )


def features(name: str) -> str:
    """What a card says of the columns of a configuration."""
    return (
        f"- config_name: {name}\n  features:\n  - name: picture\n    dtype: image\n"
        "  - name: kind\n    dtype:\n      class_label:\n        names:\n"
        "          '0': forest\n          '1': river\n  splits:\n  - name: train\n  - name: dev\n"
    )


def write_parquet(cache: Path) -> None:
    """Two configurations; the labels' names stand in the card alone."""
    train = {"picture": images([10, 20, 30]), "kind": [1, 0, 1]}
    dev = {"picture": images([40, 50]), "kind": [1, 0]}
    other = {"picture": images([60]), "kind": [0]}
    files = {
        "small/train-0.parquet": as_parquet(train),
        "small/dev-0.parquet": as_parquet(dev),
        "other/train-0.parquet": as_parquet(other),
        "other/dev-0.parquet": as_parquet(other),
    }
    told = [configuration("small", ".parquet"), configuration("other", ".parquet")]
    columns = f"dataset_info:\n{features('small')}{features('other')}"
    put(cache, {**files, "README.md": card(*told, features=columns)})


def write_json_lines(cache: Path) -> None:
    files: dict[str, bytes | str] = {}
    for split, truth in (("train", TRUTH), ("dev", {40: "river", 50: "forest"})):
        rows = []
        for colour, name in truth.items():
            files[f"pictures/{colour}.png"] = png(colour)
            rows.append({"picture": f"pictures/{colour}.png", "kind": name})
        files[f"small/{split}.jsonl"] = "".join(f"{json.dumps(row)}\n" for row in rows)
    put(cache, {**files, "README.md": card(configuration("small", ".jsonl"))})


def write_csv(cache: Path) -> None:
    files: dict[str, bytes | str] = {}
    for split, truth in (("train", TRUTH), ("dev", {40: "river", 50: "forest"})):
        lines = ["picture,kind"]
        for colour, name in truth.items():
            files[f"pictures/{colour}.png"] = png(colour)
            lines.append(f"pictures/{colour}.png,{name}")
        files[f"small/{split}.csv"] = "\n".join(lines)
    put(cache, {**files, "README.md": card(configuration("small", ".csv"))})


def write_image_folder(cache: Path) -> None:
    files: dict[str, bytes | str] = {}
    for split, truth in (("train", TRUTH), ("dev", {40: "river", 50: "forest"})):
        for colour, name in truth.items():
            files[f"small/{split}/{name}/{colour}.png"] = png(colour)
    told = (
        "- config_name: small\n  data_files:\n"
        "  - split: train\n    path: small/train/**\n"
        "  - split: dev\n    path: small/dev/**\n"
    )
    put(cache, {**files, "README.md": card(told)})


LAYOUTS = {
    "parquet": write_parquet,
    "json": write_json_lines,
    "csv": write_csv,
    "imagefolder": write_image_folder,
}


def declared(**fields: object) -> ImageDataset:
    source = {
        "repository": "me/tiles",
        "revision": COMMIT,
        "configuration": "small",
        "splits": {"train": "train", "test": "dev"},
        "image": "picture",
        "label": "kind",
        **fields,
    }
    return ImageDataset(name="mine", classes=tuple(NAMES[::-1]), source=HubSource(**source))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_repository_in_any_format_is_read_as_its_card_says(cache, layout):
    LAYOUTS[layout](cache)
    columns = {"image": "image", "label": "label"} if layout == "imagefolder" else {}
    found = read_split(declared(**columns), "train")
    seen = {}
    for row, label in enumerate(found.labels):
        seen[int(found.image(row)[0, 0, 0])] = found_name(label)
    assert seen == TRUTH
    assert len(read_split(declared(**columns), "test")) == 2
    assert is_here(declared())


def found_name(label: int) -> str:
    return NAMES[::-1][label]


def test_each_repository_is_the_same_data_whatever_its_format(cache, tmp_path, monkeypatch):
    prints = set()
    for layout, write in LAYOUTS.items():
        folder = tmp_path / layout
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
        write(folder)
        columns = {"image": "image", "label": "label"} if layout == "imagefolder" else {}
        prints.add(read_split(declared(**columns), "train").fingerprint)
    assert len(prints) == 1


@pytest.mark.parametrize(("fields", "error", "told"), [
    ({"configuration": "smal"}, Mistake, "unknown configuration 'smal': did you mean 'small'"),
    ({"configuration": None}, Mistake, "configuration: is missing.* several: small, other"),
    ({"splits": {"train": "trian"}}, Mistake, "unknown split 'trian': did you mean 'train'"),
    ({"image": "pictures"}, Mistake, "unknown column 'pictures': did you mean 'picture'"),
    ({"repository": "me/tile"}, Missing, r"did you mean 'me/tiles'\? .*hf download me/tile "),
    ({"repository": "you/birds"}, Missing, "is not on this machine; where there is network"),
    ({"revision": "f" * 40}, Missing, f"me/tiles is here at {COMMIT}, not at ffff"),
])  # fmt: skip
def test_what_is_misspelt_and_what_is_missing_are_told_apart(cache, fields, error, told):
    write_parquet(cache)
    with pytest.raises(error, match=told):
        read_split(declared(**fields), "train")


@pytest.mark.parametrize("layout", ["parquet", "imagefolder"])
def test_classes_that_are_left_out_are_those_of_the_repository(cache, tmp_path, layout):
    LAYOUTS[layout](cache)
    columns = 'image = "picture"\nlabel = "kind"\n' if layout == "parquet" else ""
    (tmp_path / "b.toml").write_text(
        'version = 1\nscenario = "class_incremental"\ndatasets = ["mine"]\n'
        'classes_per_experience = [1, 1]\nlabel_space = "seen"\n[dataset.mine.source]\n'
        f'kind = "hub"\nrepository = "me/tiles"\nrevision = "{COMMIT}"\n{columns}'
        'configuration = "small"\nsplits = { train = "train", test = "dev" }\n'
    )
    config = load("benchmark", str(tmp_path / "b.toml"))
    assert config.images("mine").classes == tuple(NAMES)
    train, test = read_slices(config)
    assert (train.data.labels.tolist(), test.data.labels.tolist()) == ([0, 1, 1], [0, 1])
    (tmp_path / "b.toml").write_text((tmp_path / "b.toml").read_text().replace("tiles", "title"))
    with pytest.raises(Missing, match=r"^dataset\.mine\.source\.repository: me/title is not on"):
        load("benchmark", str(tmp_path / "b.toml"))


def test_a_branch_is_no_commit():
    with pytest.raises(ValueError, match="got 'main'; give the commit"):
        declared(revision="main")


@pytest.mark.parametrize(
    "pattern", ["../../../*.csv", "/etc/*.csv", "https://example.org/a.csv", "zip://a::b.zip"]
)
def test_a_card_that_names_files_elsewhere_is_refused_before_anything_is_opened(cache, pattern):
    told = f'- config_name: small\n  data_files:\n  - split: train\n    path: "{pattern}"\n'
    put(cache, {"README.md": card(told), "a.csv": "picture,kind\n"})
    with pytest.raises(Damage, match="which lies elsewhere"):
        read_split(declared(), "train")


def test_a_loading_script_is_not_run(cache, tmp_path):
    trap = f"open({str(tmp_path / 'canary')!r}, 'w')\n"
    put(cache, {"tiles.py": trap, f"{COMMIT}.py": trap, "README.md": "# Tiles\n"})
    with pytest.raises(Damage, match="cannot be read by its card"):
        read_split(declared(configuration=None), "train")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("suffix", [".tar", ".pkl", ".h5"])
def test_formats_that_hold_more_than_data_are_refused(cache, suffix):
    put(cache, {f"small/train{suffix}": b"x", f"small/dev{suffix}": b"x"})
    put(cache, {"README.md": card(configuration("small", suffix))})
    with pytest.raises((Mistake, Damage), match=r"is not read|cannot be read"):
        read_split(declared(), "train")


def test_a_broken_card_is_one_line(cache):
    put(cache, {"README.md": "---\nconfigs: [\n---\n", "a.csv": "a,b\n"})
    with pytest.raises(Damage, match=r"README\.md cannot be read"):
        read_split(declared(), "train")


def test_questions_of_a_repository_are_read_by_the_same_table(cache):
    rows = {
        "picture": images([10, 10, 20]),
        "ask": ["is it?", "what is it?", "is it?"],
        "reply": ["yes", "a river", None],
        "sort": ["PRES", "KIND", "PRES"],
    }
    put(cache, {"data/train-0.parquet": as_parquet(rows)})
    source = {
        "kind": "question_hub",
        "repository": "me/tiles",
        "revision": COMMIT,
        "columns": {"image": "picture", "question": "ask", "answer": "reply", "type": "sort"},
    }
    dataset = VqaDataset.model_validate({"name": "mine", "source": source})
    found = read_questions(dataset, "train")
    told = [(each.question, each.answer, each.answer_type, each.type) for each in found.questions]
    assert sorted(told) == [
        ("is it?", "yes", "CLOSED", "PRES"), ("what is it?", "a river", "OPEN", "KIND"),
    ]  # fmt: skip
    assert (len(found.images), found.unanswered) == (1, 1)
