"""Parquet files: encoded images and labels in columns, in a folder of one's own or in the hub
cache.
"""

from pathlib import Path

import numpy as np

from clvl_bench.core.cache_dir import hub_snapshot
from clvl_bench.core.errors import Damage, Missing, Mistake, unknown
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import HubSource, ParquetSource
from clvl_bench.data.readers.cells import Place, parquet_cells
from clvl_bench.data.readers.encoded import encoded_split
from clvl_bench.data.readers.label_column import label_numbers, names_in
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
        cells = parquet_cells(files, source.image, _place(dataset.name, source))
        tables = [pq.read_table(file, columns=[source.label]) for file in files]
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0]
        again = "fetch it again" if isinstance(source, HubSource) else "make it again"
        raise Damage(
            f"{dataset.name}: {files[0].parent} cannot be read as parquet ({why}); {again}"
        ) from None
    labels = []
    for table in tables:
        # Each file numbers the classes by the names that it carries itself.
        names = names_in(table.schema, source.label)
        labels.append(label_numbers(dataset, source.label, table[source.label], names))
    return encoded_split(
        dataset.name,
        dataset.classes,
        [f"{split}/{row}" for row in range(cells.count)],
        np.concatenate(labels),
        cells.read,
        files=[*(file.resolve() for file in files), *cells.files],
        policy=source.on_damage,
    )


def _place(name: str, source: HubSource | ParquetSource) -> Place:
    """Where the paths of images count from. Files of the hub's cache are links into the
    repository's own folder.
    """
    where = f"dataset.{name}.source"
    if isinstance(source, ParquetSource):
        return Place(where, source.path, source.path)
    folder = hub_snapshot(source.repository, source.revision, "dataset")
    return Place(where, folder, folder.parent.parent)


def _must_have_columns(name: str, source: HubSource | ParquetSource, present: list[str]) -> None:
    for field, column in (("image", source.image), ("label", source.label)):
        if column not in present:
            raise Mistake(f"dataset.{name}.source.{field}: {unknown('column', column, present)}")
