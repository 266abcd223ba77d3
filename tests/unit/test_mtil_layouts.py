"""MTIL on files in the layouts in which its eleven datasets are published: every one is read and
becomes an experience, with columns of images that are too large for memory.
"""

import json
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import (
    ArraysSource,
    FolderSource,
    HubSource,
    OwnCopySource,
    ParquetSource,
)
from clvl_bench.data.readers import cells
from clvl_bench.runs.files import load
from clvl_bench.streams.benchmark import make_plan
from clvl_bench.streams.reading import read_slices

NUMBERS = count()


def pixels() -> np.ndarray:
    """A picture of one pixel that is like no other."""
    return np.array([[[each % 256, each // 256 % 256, each // 65536]] for each in (next(NUMBERS),)])


def ppm() -> bytes:
    """The format that is written fastest."""
    return b"P6 1 1 255\n" + pixels().astype(np.uint8).tobytes()


def write_tables(folder: Path, files: dict[str, str], dataset: ImageDataset) -> None:
    """An image a class, for Food-101 in two files; numbers count by the names in them."""
    source = dataset.source
    image = getattr(source, "image", "image")
    label = getattr(source, "label", "label")
    names = sorted(dataset.labels or dataset.classes)
    written = json.dumps({"info": {"features": {label: {"names": names}}}})
    for pattern in files.values():
        for part in range(2 if dataset.name == "food101" else 1):
            images = [{"bytes": ppm(), "path": None} for _ in names]
            table = pa.table({image: images, label: list(range(len(names)))})
            file = folder / pattern.replace("*", f"{part:05d}-of-00002")
            file.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table.replace_schema_metadata({"huggingface": written}), file)


def write_copy(dataset: ImageDataset, top: Path, hub: Path) -> dict[str, object]:
    """The files of a dataset, and the table that names them."""
    source = dataset.source
    if isinstance(source, HubSource):
        name = f"datasets--{source.repository.replace('/', '--')}"
        write_tables(hub / name / "snapshots" / source.revision, source.files, dataset)
        return {"splits": {}}
    assert isinstance(source, OwnCopySource)
    like = source.like
    folder = top / dataset.name
    if isinstance(like, ParquetSource):
        write_tables(folder, like.files, dataset)
        return {"splits": {}, "source": {"kind": "parquet", "path": str(folder)}}
    if isinstance(like, ArraysSource):
        labels = np.arange(len(dataset.classes))
        arrays = {}
        for images, numbers in like.splits.values():
            arrays[images] = np.stack([pixels() for _ in labels]).astype(np.uint8)
            arrays[numbers] = labels
        folder.mkdir()
        np.savez(folder / like.path.name, **arrays)
        return {"splits": {}, "source": {"kind": "arrays", "path": str(folder / like.path.name)}}
    assert isinstance(like, FolderSource)
    for name in dataset.labels or dataset.classes:
        (folder / name).mkdir(parents=True)
        (folder / name / "only.ppm").write_bytes(ppm())
    return {"splits": {}, "source": {"kind": "folder", "path": str(folder)}}


def as_toml(name: str, table: dict[str, object]) -> str:
    lines = [f"[dataset.{name}]", "splits = {}"]
    source = table.get("source")
    if isinstance(source, dict):
        fields = ", ".join(f'{key} = "{value}"' for key, value in source.items())
        lines.append(f"source = {{ {fields} }}")
    return "\n".join(lines)


def test_eleven_datasets_in_their_published_layouts_are_eleven_experiences(
    tmp_path, monkeypatch, empty_home
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(cells, "IN_MEMORY", 3_000)
    declared = load("benchmark", "mtil_order_1")
    copies = {}
    for name in declared.named:
        copies[name] = write_copy(declared.images(name), tmp_path, tmp_path / "hub")
    tables = [as_toml(name, table) for name, table in copies.items()]
    (tmp_path / "copies.toml").write_text("\n".join(tables))
    monkeypatch.setenv("CLVL_DATASETS", str(tmp_path / "copies.toml"))
    config = load("benchmark", "mtil_order_1")
    slices = read_slices(config)
    plan, labels = make_plan(config, slices)
    assert [each.dataset for each in plan.streams["train"]] == list(declared.named)
    sizes = {each.dataset.name: len(each.data) for each in slices if each.split == "test"}
    assert (sizes["food101"], sizes["sun397"], sizes["mnist"]) == (2 * 101, 397, 10)
    assert len(labels) == sum(len(each.data) for each in slices)
    # These are too large for memory here, and lie in the cache.
    assert len(list(empty_home.glob("tables/*.cells"))) >= 2 * 2 + 2
