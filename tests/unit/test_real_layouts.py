"""Real photographs in every layout: a folder, parquet, arrays. One fingerprint, whatever holds
them.
"""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import (
    ArraysSource,
    FolderSource,
    HubSource,
    ParquetSource,
    Source,
)
from clvl_bench.data.readers.reading import read_split
from clvl_bench.records.rows import Record
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.files import load
from clvl_bench.runs.runner import run
from clvl_bench.streams.config import BenchmarkConfig


def declared(name: str, labels: list[str], source: Source) -> ImageDataset:
    return ImageDataset(name=name, labels=tuple(labels), classes=tuple(labels), source=source)


def as_parquet(folder: Path, split: str, images: list[bytes], labels: list[int]) -> None:
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table({"image": images, "label": labels}), folder / f"{split}.parquet")


def as_on_the_hub(parquet: ParquetSource, cache: Path) -> HubSource:
    """The parquet files where the hub's library keeps those of a commit."""
    revision = "0123456789" * 4
    snapshot = cache / "datasets--me--copy" / "snapshots" / revision
    shutil.copytree(parquet.path, snapshot)
    return HubSource(repository="me/copy", revision=revision, files=parquet.files)


def records(dataset: ImageDataset, results: Path) -> list[Record]:
    """What a learner in closed form makes of it."""
    stream = BenchmarkConfig(
        version=1,
        scenario="joint",
        datasets=(dataset.name,),
        label_space="dataset",
        dataset={dataset.name: dataset},
    )
    config = RunConfig(
        benchmark="copy",
        strategy="slda",
        benchmark_config=stream,
        strategy_config=load("strategy", "slda"),
    )
    return run(config, results=results, progress=False).records


@pytest.fixture
def parquet(tmp_path: Path) -> ParquetSource:
    return ParquetSource(
        path=tmp_path / "parquet", files={"train": "train.parquet", "test": "test.parquet"}
    )


def test_rsscn7_as_class_folders_and_as_parquet(
    tmp_path, real_data, empty_home, parquet, monkeypatch
):
    labels = sorted(folder.name for folder in (real_data / "rsscn7").iterdir() if folder.is_dir())
    for split, rows in (("train", slice(0, 20)), ("test", slice(20, 30))):
        images, numbers = [], []
        for number, label in enumerate(labels):
            for file in sorted((real_data / "rsscn7" / label).glob("*.jpg"))[rows]:
                place = tmp_path / "folders" / split / label / file.name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.read_bytes())
                images.append(file.read_bytes())
                numbers.append(number)
        as_parquet(tmp_path / "parquet", split, images[::-1], numbers[::-1])
    for split, count in (("train", 140), ("test", 70)):
        folders = read_split(
            declared("scenes", labels, FolderSource(path=tmp_path / "folders")), split
        )
        other = read_split(declared("scenes", labels, parquet), split)
        assert len(folders) == len(other) == count
        assert folders.fingerprint == other.fingerprint
        assert all(
            np.array_equal(folders.image(row), other.image(row)) for row in range(0, count, 10)
        )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    sources = (
        FolderSource(path=tmp_path / "folders"),
        parquet,
        as_on_the_hub(parquet, tmp_path / "hub"),
    )
    rows = [
        records(declared("scenes", labels, source), tmp_path / source.kind) for source in sources
    ]
    assert rows[0] == rows[1] == rows[2]


def test_cifar10_as_arrays_as_class_folders_and_as_parquet(
    tmp_path, real_data, empty_home, parquet, monkeypatch
):
    labels = json.loads((real_data / "cifar" / "cifar10_names.json").read_bytes())
    with np.load(real_data / "cifar" / "cifar10.npz") as file:
        names = {
            split: [name for name in file.files if name.startswith(split)]
            for split in ("train", "test")
        }
        data = {split: (file[x][::10], file[y][::10]) for split, (x, y) in names.items()}
    for split, (pictures, numbers) in data.items():
        encoded = []
        for row, (picture, number) in enumerate(zip(pictures, numbers, strict=True)):
            buffer = io.BytesIO()
            Image.fromarray(picture).save(buffer, "PNG")
            encoded.append(buffer.getvalue())
            place = tmp_path / "folders" / split / labels[number] / f"{row}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(buffer.getvalue())
        as_parquet(tmp_path / "parquet", split, encoded, numbers.tolist())
    arrays = {
        f"{split}_{what}": values
        for split, pair in data.items()
        for what, values in zip("xy", pair, strict=True)
    }
    np.savez(tmp_path / "arrays.npz", **arrays)
    sources = (
        ArraysSource(
            path=tmp_path / "arrays.npz",
            splits={split: (f"{split}_x", f"{split}_y") for split in data},
        ),
        FolderSource(path=tmp_path / "folders"),
        parquet,
        as_on_the_hub(parquet, tmp_path / "hub"),
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for split in data:
        found = [read_split(declared("things", labels, source), split) for source in sources]
        assert {len(each) for each in found} == {len(data[split][1])}
        assert len({each.fingerprint for each in found}) == 1
    rows = [
        records(declared("things", labels, source), tmp_path / source.kind) for source in sources
    ]
    assert all(row == rows[0] for row in rows)
