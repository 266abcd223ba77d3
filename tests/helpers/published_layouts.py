"""Small files in the layouts in which datasets are published, and the tables that name them."""

import json
from collections.abc import Iterable, Mapping
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
from clvl_bench.streams.config import BenchmarkConfig

NUMBERS = count()
IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
"""The type of a column of images on the hub."""


def write_copies(config: BenchmarkConfig, top: Path, hub: Path) -> dict[str, dict[str, object]]:
    """A copy of each dataset of a benchmark, an image a class, and its table, by name."""
    return {name: write_copy(config.images(name), top, hub) for name in config.named}


def write_copy(dataset: ImageDataset, top: Path, hub: Path) -> dict[str, object]:
    """The files of a dataset, and the table that names them."""
    source = dataset.source
    if isinstance(source, HubSource):
        name = f"datasets--{source.repository.replace('/', '--')}"
        write_tables(hub / name / "snapshots" / source.revision, source.files, dataset)
        return {}
    assert isinstance(source, OwnCopySource)
    like = source.like
    folder = top / dataset.name
    if isinstance(like, ParquetSource):
        write_tables(folder, like.files, dataset)
        return {"kind": "parquet", "path": str(folder)}
    if isinstance(like, ArraysSource):
        labels = np.arange(len(dataset.classes))
        arrays = {}
        for images, numbers in like.splits.values():
            arrays[images] = np.stack([pixels() for _ in labels]).astype(np.uint8)
            arrays[numbers] = labels
        folder.mkdir()
        np.savez(folder / like.path.name, **arrays)
        return {"kind": "arrays", "path": str(folder / like.path.name)}
    assert isinstance(like, FolderSource)
    for name in dataset.labels or dataset.classes:
        (folder / name).mkdir(parents=True)
        (folder / name / "only.ppm").write_bytes(ppm())
    return {"kind": "folder", "path": str(folder)}


def write_tables(folder: Path, files: Mapping[str, str], dataset: ImageDataset) -> None:
    """An image a class, for Food-101 in two files."""
    names = sorted(dataset.labels or dataset.classes)
    for pattern in files.values():
        for part in range(2 if dataset.name == "food101" else 1):
            images = [ppm() for _ in names]
            file = folder / pattern.replace("*", f"{part:05d}-of-00002")
            write_table(file, dataset, [(images, list(range(len(names))))])


def write_table(
    file: Path, dataset: ImageDataset, groups: Iterable[tuple[list[bytes], list[int]]]
) -> None:
    """A parquet file as the hub's: groups of encoded images and numbers of their classes."""
    source = dataset.source
    image, label = getattr(source, "image", "image"), getattr(source, "label", "label")
    names = sorted(dataset.labels or dataset.classes)
    written = {"huggingface": json.dumps({"info": {"features": {label: {"names": names}}}})}
    schema = pa.schema({image: IMAGE, label: pa.int64()}, metadata=written)
    file.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(file, schema) as writer:
        for images, numbers in groups:
            cells = [{"bytes": each, "path": None} for each in images]
            writer.write_table(pa.table([pa.array(cells, IMAGE), pa.array(numbers)], schema))


def pixels() -> np.ndarray:
    """A picture of one pixel that is like no other."""
    return np.array([[[each % 256, each // 256 % 256, each // 65536]] for each in (next(NUMBERS),)])


def ppm() -> bytes:
    """The format that is written fastest."""
    return b"P6 1 1 255\n" + pixels().astype(np.uint8).tobytes()


def as_toml(
    copies: Mapping[str, Mapping[str, object]], *, of_published_size: tuple[str, ...] = ()
) -> str:
    """The file that says where one's own copies lie; all but some have sizes of their own."""
    lines = []
    for name, source in copies.items():
        lines.append(f"[dataset.{name}]")
        if name not in of_published_size:
            lines.append("splits = {}")
        if source:
            fields = ", ".join(f'{key} = "{value}"' for key, value in source.items())
            lines.append(f"source = {{ {fields} }}")
    return "\n".join(lines)
