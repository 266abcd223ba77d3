"""Small copies of declared datasets, in the layouts in which they are published: an image a class
and split, each like no other.
"""

import io
import json
import tarfile
from collections.abc import Container, Iterable, Mapping
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import (
    ArraysSource,
    FolderSource,
    GeobenchSource,
    HubSource,
    OwnCopySource,
    ParquetSource,
)

NUMBERS = count()
IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
"""The type of a column of images on the hub."""


def pixels() -> np.ndarray:
    """A picture of one pixel that is like no other."""
    return np.array([[[each % 256, each // 256 % 256, each // 65536]] for each in (next(NUMBERS),)])


def ppm() -> bytes:
    """The format that is written fastest."""
    return b"P6 1 1 255\n" + pixels().astype(np.uint8).tobytes()


def write_tables(folder: Path, files: Mapping[str, str], dataset: ImageDataset) -> None:
    """An image a class, for Food-101 in two files."""
    count_of_classes = len(dataset.labels or dataset.classes)
    for pattern in files.values():
        for part in range(2 if dataset.name == "food101" else 1):
            images = [ppm() for _ in range(count_of_classes)]
            file = folder / pattern.replace("*", f"{part:05d}-of-00002")
            write_table(file, dataset, [(images, list(range(count_of_classes)))])


def write_table(
    file: Path, dataset: ImageDataset, groups: Iterable[tuple[list[bytes], list[int]]]
) -> None:
    """A parquet file as the hub's: groups of encoded images and numbers of their classes, which
    count by the names that the file states. PatchCamelyon's says true or false, and no names.
    """
    source = dataset.source
    image, label = getattr(source, "image", "image"), getattr(source, "label", "label")
    names = sorted(dataset.labels or dataset.classes)
    written = {"huggingface": json.dumps({"info": {"features": {label: {"names": names}}}})}
    schema = pa.schema({image: IMAGE, label: pa.int64()}, metadata=written)
    if dataset.name == "patch_camelyon":
        schema = pa.schema({image: IMAGE, label: pa.bool_()})
    file.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(file, schema) as writer:
        for images, numbers in groups:
            cells = [{"bytes": each, "path": None} for each in images]
            labels = pa.array(numbers).cast(schema.field(label).type)
            writer.write_table(pa.table([pa.array(cells, IMAGE), labels], schema))


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
        source: dict[str, object] = {"kind": "arrays", "path": str(folder / like.path.name)}
        return {"splits": {}, "source": source | ({"md5": {}} if like.md5 else {})}
    if isinstance(like, GeobenchSource):
        folder.mkdir()
        write_shard(like, dataset, folder)
        return {"splits": {}, "source": {"kind": "geobench", "path": str(folder)}}
    assert isinstance(like, FolderSource)
    return {"splits": {}, "source": {"kind": "folder", **write_folders(like, dataset, folder)}}


def write_folders(like: FolderSource, dataset: ImageDataset, folder: Path) -> dict[str, object]:
    """Class folders, and what the table must say of them: under a folder for each split, under one
    for all where a share is drawn, or with lists that number the classes.
    """
    names = dataset.labels or dataset.classes
    if isinstance(like.split_file, Mapping):
        lists = {}
        for split, path in like.split_file.items():
            top = folder / path.stem  # as DomainNet's clipart/, CORe50's s1/
            write_pictures(top, names)
            rows = [f"{top.name}/{name}/only.ppm {number}" for number, name in enumerate(names)]
            lists[split] = str(folder / path.name)
            (folder / path.name).write_text("\n".join(rows))
        return {"path": str(folder), "split_file": lists}
    if like.split_draw == "random_split" or like.split_file is not None:
        write_pictures(folder, names)
    elif like.test_fraction is not None:
        write_pictures(folder, names)
        write_pictures(folder, names, file="other.ppm")
        return {"path": str(folder), "test_fraction": 0.5}
    else:
        for split in ("train", "test"):
            write_pictures(folder / like.folders.get(split, split), names)
    return {"path": str(folder)}


def write_shard(like: GeobenchSource, dataset: ImageDataset, folder: Path) -> None:
    """One shard of GEO-Bench's mirror, its bands dated as some are, and the ids of each split."""
    ids: dict[str, list[str]] = {}
    with tarfile.open(folder / "shard_00000.tar", "w") as shard:
        for split in ("train", "valid", "test"):
            ids[split] = [f"{split}_1.5_{label}" for label in range(len(dataset.classes))]
            for label, sample in enumerate(ids[split]):
                values = np.random.default_rng(next(NUMBERS)).integers(0, 256, (3, 2, 2))
                bands = {
                    f"{band}_2016-01-01": like.white * of_band / 255
                    for band, of_band in zip(like.bands, values, strict=True)
                }
                held = io.BytesIO()
                np.savez(held, **bands)
                add(shard, f"{sample}.bands.npz", held.getvalue())
                meta = {"label": label, "bands_order": list(bands)}
                add(shard, f"{sample}.meta.json", json.dumps(meta).encode())
    (folder / "default_partition.json").write_text(json.dumps(ids))


def add(shard: tarfile.TarFile, name: str, data: bytes) -> None:
    """A file in an archive."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    shard.addfile(member, io.BytesIO(data))


def write_pictures(top: Path, names: Iterable[str], *, file: str = "only.ppm") -> None:
    """A picture in the folder of each class."""
    for name in names:
        (top / name).mkdir(parents=True, exist_ok=True)
        (top / name / file).write_bytes(ppm())


def as_toml(name: str, table: dict[str, object]) -> str:
    lines = [f"[dataset.{name}]"]
    lines += [f"{key} = {inline(value)}" for key, value in table.items()]
    return "\n".join(lines)


def inline(value: object) -> str:
    """An inline table of TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)


def write_copies(
    datasets: Iterable[ImageDataset], top: Path, *, of_published_size: Container[str] = ()
) -> Path:
    """Copies of all of them below `top`, and the file that names them; those of the hub lie in
    `top/hub`. All but some have sizes of their own.
    """
    tables = []
    for dataset in datasets:
        table = write_copy(dataset, top, top / "hub")
        if dataset.name in of_published_size:
            del table["splits"]
        tables.append(as_toml(dataset.name, table))
    file = top / "copies.toml"
    file.write_text("\n".join(tables))
    return file
