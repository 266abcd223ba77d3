"""Parquet files: encoded images and labels in columns, in a folder of one's own or in the hub
cache.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage, Missing, Mistake, unknown
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import HubSource, ParquetSource
from clvl_bench.data.readers.class_names import known_names
from clvl_bench.data.readers.encoded import encoded_split
from clvl_bench.data.readers.npz import split_names
from clvl_bench.data.readers.split import Split


def read(dataset: ImageDataset, split: str) -> Split:
    """One split of a folder of parquet files.

    Raises:
        Missing: no file has the name that its pattern asks for.
        Mistake, Damage: as `read_files`.
    """
    source = dataset.source
    assert isinstance(source, ParquetSource)
    pattern = split_names(dataset.name, source.files, split, field="files")
    files = sorted(source.path.glob(pattern))
    if not files:
        raise Missing(
            f"dataset.{dataset.name}.source.files: no file of '{source.path}' is called "
            f"'{pattern}' ({split}); give a pattern that counts from path"
        )
    return read_files(dataset, source, files, split)


def read_files(
    dataset: ImageDataset, source: HubSource | ParquetSource, files: list[Path], split: str
) -> Split:
    """The rows of all files as one split.

    Raises:
        Mistake: a column is not there, or a label is no class.
        Damage: a file cannot be read, or its class names are not the declared ones.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for file in files:
            _must_have_columns(dataset.name, source, pq.read_schema(file).names)
        columns = [source.image, source.label]
        tables = [pq.read_table(file, columns=columns) for file in files]
        images_of_all = pa.concat_tables([table.select([source.image]) for table in tables])
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0]
        again = "fetch it again" if isinstance(source, HubSource) else "make it again"
        raise Damage(
            f"{dataset.name}: {files[0].parent} cannot be read as parquet ({why}); {again}"
        ) from None
    cells = images_of_all[source.image].combine_chunks()
    # The hub keeps a picture as {bytes, path}, other writers as bare bytes.
    images = cells.field("bytes") if pa.types.is_struct(cells.type) else cells
    _must_name_alike(dataset, source.label, dict(zip(files, tables, strict=True)))
    # Each file numbers the classes by the names that it carries itself.
    labels = [_labels(dataset, source.label, table) for table in tables]
    return encoded_split(
        dataset.name,
        dataset.classes,
        [f"{split}/{row}" for row in range(len(images))],
        np.concatenate(labels),
        lambda row: bytes(images[row].as_py()),
        files=[file.resolve() for file in files],
        policy=source.on_damage,
    )


def _must_have_columns(name: str, source: HubSource | ParquetSource, present: list[str]) -> None:
    for field, column in (("image", source.image), ("label", source.label)):
        if column not in present:
            raise Mistake(f"dataset.{name}.source.{field}: {unknown('column', column, present)}")


def _written_names(table: Any, column: str) -> list[str] | None:
    """The class names by number that a file carries in its metadata, as the hub writes them."""
    written = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}"))
    features = written.get("info", {}).get("features", {})
    names: list[str] | None = features.get(column, {}).get("names")
    return names


def _must_name_alike(dataset: ImageDataset, column: str, tables: Mapping[Path, Any]) -> None:
    """Raises:
    Mistake: one file names its classes and another numbers them alone. Whether it means the
        numbers of the first or those of the declaration is not known.
    """
    naming: list[str] = []
    numbering: list[str] = []
    for file, table in tables.items():
        holds_names = table[column].to_numpy().dtype == object
        names_them = holds_names or _written_names(table, column) is not None
        if len(table):
            (naming if names_them else numbering).append(file.name)
    if naming and numbering:
        raise Mistake(
            f"dataset.{dataset.name}: {naming[0]} names the classes of its {column} and "
            f"{numbering[0]} only numbers them; write both alike"
        )


def _labels(dataset: ImageDataset, column: str, table: Any) -> NDArray[np.int64]:
    """Label numbers of one file's rows in the declared order, matched by the class names that it
    carries where it carries them.

    Raises:
        Mistake: a label is no whole number, or no class.
        Damage: a name is not declared.
    """
    if table[column].null_count:
        raise Mistake(
            f"dataset.{dataset.name}: {table[column].null_count} of {len(table)} rows have no "
            f"{column}; take them out"
        )
    cells = table[column].to_numpy()
    if cells.dtype.kind == "f" and not np.array_equal(cells, np.rint(cells)):
        broken = cells[cells != np.rint(cells)][0]
        raise Mistake(f"dataset.{dataset.name}: {column} holds {broken}, which is no class number")
    names = _written_names(table, column)
    if cells.dtype == object:  # the column itself holds names
        distinct, cells = np.unique(cells.astype(str), return_inverse=True)
        names = distinct.tolist()
    labels: NDArray[np.int64] = cells.astype(np.int64)
    count = len(dataset.classes) if names is None else len(names)
    if len(labels) and not (0 <= labels.min() and labels.max() < count):
        raise Mistake(
            f"dataset.{dataset.name}: {column} runs from {labels.min()} to {labels.max()}; the "
            f"dataset declares {count} classes"
        )
    if names is None:
        return labels
    known = known_names(dataset)
    strangers = [name for name in names if known.label(name) is None]
    if strangers:
        raise Damage(
            f"{dataset.name}: its files name the classes {_some(names)}; '{strangers[0]}' is not "
            f"declared; where they mean the same, set labels in [dataset.{dataset.name}] to their "
            f"names, in the order of {_some(dataset.classes)}"
        )
    # The files number classes in an order of their own.
    declared: NDArray[np.int64] = np.array([known.label(name) for name in names], dtype=np.int64)
    return np.take(declared, labels)


def _some(names: Iterable[str]) -> str:
    """The first six names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - 6} more" if len(listed) > 6 else ""
    return ", ".join(listed[:6]) + more
