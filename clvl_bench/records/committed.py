"""Committed tables: compressed files whose rows are hashed, which pandas opens in one call.

A folder has a manifest that names the rows and hashes of its tables. A table's hash is over its
canonical rows, which are lines of CSV, so that it does not depend on how they are compressed.
Beside it stands the hash of the file itself, by which also a byte that changes no row is noticed;
so are the hashes of the summaries, which can be made again.
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clvl_bench.core.errors import Damage, announce
from clvl_bench.core.files import (
    MANIFEST,
    file_sha256,
    parse_json,
    sha256,
    to_json,
    write_atomically,
)

SUFFIX = ".parquet"
FORMAT = 1
LEVEL = 19
"""Of zstd: as small as it gets without more memory to read it."""
RESTORE = "restore the folder, for example with git checkout"

Columns = Mapping[str, Sequence[int | float | str]]
"""A table: values by the name of their column, all columns equally long."""


def canonical(table: Columns) -> bytes:
    """The rows as lines of CSV, floats in the shortest form that reads back to the same bits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    # csv writes a float by repr, which is that form.
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue().encode()


def to_parquet(table: Columns) -> bytes:
    """One compressed file of the table: the same bytes for the same rows and version of pyarrow."""
    import pyarrow
    from pyarrow import parquet

    file = io.BytesIO()
    columns = {name: list(values) for name, values in table.items()}
    parquet.write_table(
        pyarrow.table(columns),
        file,
        compression="zstd",
        compression_level=LEVEL,
        row_group_size=max(1, _length(table)),
        store_schema=False,
    )
    return file.getvalue()


def from_parquet(data: bytes) -> dict[str, list[Any]]:
    """The table in a file.

    Raises:
        ValueError: it cannot be read.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(io.BytesIO(data))
        columns = {name: _values(table[name]) for name in table.column_names}
    except (pyarrow.ArrowException, OSError, MemoryError, ValueError, OverflowError) as error:
        raise ValueError(str(error).splitlines()[0] if str(error) else "no Parquet") from None
    return columns


def _values(column: Any) -> list[Any]:
    """The values of a column of pyarrow's. Nothing is null here, but pandas writes what is not a
    number as such.
    """
    values: list[Any] = column.to_pylist()
    if not column.null_count:
        return values
    return [math.nan if value is None else value for value in values]


def write_tables(folder: Path, tables: Mapping[str, Columns]) -> None:
    """Write the tables, and the manifest behind them."""
    told = {}
    for name, table in tables.items():
        data = to_parquet(table)
        write_atomically(folder / f"{name}{SUFFIX}", data)
        told[f"{name}{SUFFIX}"] = {
            "rows": _length(table),
            # Of what will be read: a column of numbers has one type there.
            "rows_sha256": sha256(canonical(from_parquet(data))),
            "file_sha256": sha256(data),
        }
    _write_manifest(folder, {"format": FORMAT, "tables": told, "summaries": {}})


def seal_summaries(folder: Path, names: Iterable[str]) -> None:
    """Add the hashes of files that were made of the tables to the manifest."""
    manifest = read_manifest(folder)
    hashes = {name: file_sha256(folder / name) for name in sorted(names)}
    _write_manifest(folder, {**manifest, "summaries": hashes})


def _write_manifest(folder: Path, body: Mapping[str, Any]) -> None:
    write_atomically(folder / MANIFEST, to_json({**body, "seal": sha256(to_json(body))}))


def read_manifest(folder: Path) -> dict[str, Any]:
    """What the manifest says, but for its seal.

    Raises:
        Damage: it is missing, or a byte of it is not as written.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
        manifest: dict[str, Any] = parse_json(data)
        seal = manifest.pop("seal")
    except OSError:
        raise Damage(f"{path}: is missing; {RESTORE}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Damage(f"{path}: is not what was written; {RESTORE}") from None
    # A byte may change between the values, too, where JSON says the same.
    if data != to_json({**manifest, "seal": sha256(to_json(manifest))}):
        raise Damage(f"{path}: is not what was written (its seal is {seal}); {RESTORE}")
    if manifest["format"] != FORMAT:
        raise Damage(
            f"{path}: got format {manifest['format']}, this version reads {FORMAT}; install the "
            f"version that wrote it"
        )
    return manifest


def read_table(folder: Path, name: str, manifest: Mapping[str, Any]) -> dict[str, list[Any]] | None:
    """A table of the folder, its rows verified; None where the manifest names none.

    Raises:
        Damage: it is missing, cannot be read, or has other rows than were written.
    """
    told = manifest["tables"].get(f"{name}{SUFFIX}")
    if told is None:
        return None
    path = folder / f"{name}{SUFFIX}"
    try:
        data = path.read_bytes()
        table = from_parquet(data)
    except OSError:
        raise Damage(f"{path}: is missing; {RESTORE}") from None
    except ValueError as error:
        raise Damage(f"{path}: cannot be read ({error}); {RESTORE}") from None
    actual = sha256(canonical(table))
    if actual != told["rows_sha256"]:
        raise Damage(
            f"{path}: the sha256 of its rows is {actual[:8]}, recorded {told['rows_sha256'][:8]}; "
            f"{RESTORE}"
        )
    if sha256(data) != told["file_sha256"]:
        announce(path, "its rows are, and clvl-bench report writes it anew")
    return table


def check_summaries(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Name each summary that is there and is not what was made of the tables. It is not read."""
    for name, recorded in manifest["summaries"].items():
        path = folder / name
        if path.is_file() and file_sha256(path) != recorded:
            announce(path, "restore it, or let clvl-bench report make it anew")


def _length(table: Columns) -> int:
    return len(next(iter(table.values()), ()))
