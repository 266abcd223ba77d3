"""Tables in a folder of one's own: a row an image, with its label, in parquet, CSV or JSON."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clvl_bench.core.errors import Missing, Mistake
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import HubSource, ParquetSource, TableSource
from clvl_bench.data.readers.cells import Place
from clvl_bench.data.readers.encoded import encoded_split
from clvl_bench.data.readers.label_column import label_numbers, must_name_alike, names_in
from clvl_bench.data.readers.npz import split_names
from clvl_bench.data.readers.split import Split
from clvl_bench.data.readers.tables import Tables, must_have, reading, tables


def read(dataset: ImageDataset, split: str) -> Split:
    """One split of a folder of tables.

    Raises:
        Missing: no file has the name that its pattern asks for.
        Mistake, Damage: as `table_split`.
    """
    source = dataset.source
    assert isinstance(source, ParquetSource | TableSource)
    where = f"dataset.{dataset.name}.source"
    pattern = split_names(dataset.name, source.files, split, field="files")
    files = matching(where, source.path, pattern, split)
    place = Place(where, source.path, source.path)
    with reading(dataset.name, files, again="make it again"):
        return table_split(dataset, source, tables(files), split, place)


def matching(where: str, folder: Path, pattern: str, split: str) -> list[Path]:
    """The files of a pattern, which counts from a folder.

    Raises:
        Missing: there is none.
    """
    files = sorted(folder.glob(pattern))
    if not files:
        raise Missing(
            f"{where}.files: no file of '{folder}' is called "
            f"'{pattern}' ({split}); give a pattern that counts from path"
        )
    return files


def table_split(
    dataset: ImageDataset,
    source: HubSource | ParquetSource | TableSource,
    found: Tables,
    split: str,
    place: Place,
    *,
    names: Sequence[str] | None = None,
) -> Split:
    """The rows of tables as one split.

    Args:
        names: the classes that labels number, where the tables themselves do not say it.

    Raises:
        Mistake: a column is not there or holds something else, or a label is no class.
        Damage: class names are not the declared ones, or images cannot be decoded.
    """
    must_have(place.where, {"image": source.image, "label": source.label}, found.names())
    cells = found.cells(source.image, place)
    parts = found.parts([source.label])
    if len(parts) == len(found.files):
        by_file = zip((file.name for file in found.files), parts, strict=True)
        must_name_alike(dataset, source.label, dict(by_file))
    labels = []
    for part in parts:
        # Each file numbers the classes by the names that it carries itself.
        own = names_in(part.schema, source.label) or names
        labels.append(label_numbers(dataset, source.label, part[source.label], own))
    if not cells.count:
        raise Mistake(f"{place.where}: the tables of {split} have no rows")
    return encoded_split(
        dataset.name,
        dataset.classes,
        [f"{split}/{row}" for row in range(cells.count)],
        np.concatenate(labels),
        cells.read,
        files=[*(file.resolve() for file in found.files), *cells.files],
        policy=source.on_damage,
    )
