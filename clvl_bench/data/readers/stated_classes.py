"""Stated classes: the class names that tables carry themselves, for a dataset of the user's own
that declares none.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from clvl_bench.data.catalog.sources import HubSource, ParquetSource, Source, TableSource
from clvl_bench.data.readers.hub import snapshot
from clvl_bench.data.readers.hub_card import refuse_absent, split_of
from clvl_bench.data.readers.label_column import names_in
from clvl_bench.data.readers.tables import TEXT, reading

KINDS = ("parquet", "table", "hub")
"""Sources whose files may name the classes."""


def stated_classes(where: str, table: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the classes that a source's labels number, in their order; none where its files
    do not say it, or where the source is none (its own validation says more).

    Raises:
        Missing: a repository is not here.
        Mistake, Damage: its card or its files cannot be read.
    """
    try:
        source = TypeAdapter[Any](Source).validate_python(dict(table))
    except ValidationError:
        return ()
    if isinstance(source, HubSource) and not source.files:
        refuse_absent(where, source)
        name = source.splits.get("train") or next(iter(source.splits.values()))
        found = split_of(where, snapshot(source), source.configuration, name)
        stated = found.class_names(source.label)
        if stated is not None:
            return tuple(stated)
        return _of_files(where, found.tables.files, source.label)
    assert isinstance(source, HubSource | ParquetSource | TableSource)
    folder = snapshot(source) if isinstance(source, HubSource) else source.path
    files: list[Path] = []
    for pattern in source.files.values():
        files += sorted(folder.glob(pattern))
    return _of_files(where, files, source.label)


def _of_files(where: str, files: Any, label: str) -> tuple[str, ...]:
    import pyarrow.parquet as pq

    if not files or files[0].suffix.lower() in TEXT:
        return ()
    with reading(where, files, again="get or make it again"):
        return tuple(names_in(pq.read_schema(files[0]), label) or ())
