"""Tables: rows with small values and an image each, from files of any format, under one face.

Small values are read whole, images one by one when they are asked for.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from clvl_bench.core.errors import Damage, Mistake, unknown
from clvl_bench.core.faults import as_failure
from clvl_bench.core.files import parse_json, read_json, read_text
from clvl_bench.data.readers.cells import (
    ImageCells,
    Place,
    arrow_cells,
    parquet_cells,
    path_cells,
)

TEXT = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
"""Formats that are text: images in them are paths."""


class Unreadable(ValueError):
    """A table is not what its suffix says; `reading` makes it the line that a user sees."""


class Tables(Protocol):
    """The rows of some files, in their order."""

    @property
    def files(self) -> Sequence[Path]:
        """What the rows lie in."""

    def names(self) -> list[str]:
        """The columns."""

    def parts(self, columns: Sequence[str]) -> list[Any]:
        """Some columns (pyarrow.Table), a part for each file that has a schema of its own."""

    def rows(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Some columns, row by row."""

    def cells(self, column: str, place: Place) -> ImageCells:
        """The images."""


@dataclass(frozen=True)
class ParquetTables:
    """Files of parquet."""

    files: tuple[Path, ...]

    def names(self) -> list[str]:
        """The columns that all files have."""
        import pyarrow.parquet as pq

        shared: list[str] = pq.read_schema(self.files[0]).names
        for file in self.files[1:]:
            present = set(pq.read_schema(file).names)
            shared = [name for name in shared if name in present]
        return shared

    def parts(self, columns: Sequence[str]) -> list[Any]:
        import pyarrow.parquet as pq

        return [pq.read_table(file, columns=list(columns)) for file in self.files]

    def rows(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        found = []
        for part in self.parts(columns):
            found += part.to_pylist()
        return found

    def cells(self, column: str, place: Place) -> ImageCells:
        return parquet_cells(self.files, column, place)


@dataclass(frozen=True)
class ArrowTables:
    """A table (pyarrow.Table) that is mapped from files."""

    table: Any
    files: tuple[Path, ...]

    def names(self) -> list[str]:
        return list(self.table.column_names)

    def parts(self, columns: Sequence[str]) -> list[Any]:
        return [self.table.select(list(columns))]

    def rows(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.table.select(list(columns)).to_pylist()
        return found

    def cells(self, column: str, place: Place) -> ImageCells:
        return arrow_cells(self.table[column], place)


class TextTables:
    """Files of CSV, JSON (a list of rows) or JSON lines. Nothing is guessed: `NA` is a word in CSV
    and 007 three digits, where readers of data frames make them nothing and seven.

    Raises:
        OSError, Unreadable: a file cannot be read as what its suffix says.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        self._by_file = [_read_text_table(file) for file in files]

    def names(self) -> list[str]:
        """The columns that the first row of each file has."""
        shared: list[str] = []
        for number, rows in enumerate(self._by_file):
            present = list(rows[0]) if rows else []
            shared = present if number == 0 else [name for name in shared if name in present]
        return shared

    def parts(self, columns: Sequence[str]) -> list[Any]:
        import pyarrow as pa

        rows = self.rows(columns)
        values = {}
        for name in columns:
            values[name] = [row[name] for row in rows]
        return [pa.table(values)]

    def rows(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        found = []
        for rows in self._by_file:
            found += [_chosen(row, columns) for row in rows]
        return found

    def cells(self, column: str, place: Place) -> ImageCells:
        paths = [row.get(column) for rows in self._by_file for row in rows]
        return path_cells(paths, place)


def _chosen(row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """Some columns of a row; None where it has none."""
    return {name: row.get(name) for name in columns}


def tables(files: Sequence[Path]) -> Tables:
    """The tables of some files, by their suffix.

    Raises:
        OSError, Unreadable: a file cannot be read.
    """
    if all(file.suffix.lower() in TEXT for file in files):
        return TextTables(files)
    return ParquetTables(tuple(files))


@contextmanager
def reading(dataset: str, files: Sequence[Path], *, again: str) -> Iterator[None]:
    """Around what reads tables: what a library says of a broken file becomes one line. What else
    goes wrong behind the reading is not the file's fault, and neither is a full disk.

    Raises:
        Damage: a file cannot be read.
    """
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, Unreadable) as error:
        if as_failure(error) is not None:
            raise
        why = (str(error) or type(error).__name__).splitlines()[0]
        kind = "text" if files[0].suffix.lower() in TEXT else "parquet"
        raise Damage(
            f"{dataset}: {files[0].parent} cannot be read as {kind} ({why}); {again}"
        ) from None


def must_have(where: str, columns: dict[str, str], present: Sequence[str]) -> None:
    """Refuse names of columns that are not there; `columns` maps a field of the source to one.

    Raises:
        Mistake: names the nearest.
    """
    for field, column in columns.items():
        if column not in present:
            raise Mistake(f"{where}.{field}: {unknown('column', column, present)}")


def _read_text_table(file: Path) -> list[dict[str, Any]]:
    try:
        return _rows_of_text(file)
    except (ValueError, csv.Error) as error:
        raise Unreadable(f"{file.name}: {error}") from None


def _rows_of_text(file: Path) -> list[dict[str, Any]]:
    suffix = file.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _read_csv(file, "\t" if suffix == ".tsv" else ",")
    if suffix == ".json":
        rows = read_json(file)
    else:
        rows = [parse_json(line) for line in read_text(file).splitlines() if line.strip()]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("it holds no list of rows")
    return rows


def _read_csv(file: Path, separator: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(read_text(file), newline=""), delimiter=separator)
    rows = []
    for row in reader:
        if None in row or None in row.values():
            raise ValueError(f"line {reader.line_num} has another number of fields")
        rows.append(dict(row))
    return rows
