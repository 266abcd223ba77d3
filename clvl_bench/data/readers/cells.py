"""Cells: the encoded images in a column of tables, one a row.

A cell holds an image's bytes, bare or as `bytes` of a struct (the hub's way), or the path of a file
inside the dataset's folder.
"""

import itertools
import os
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from clvl_bench.core.errors import Mistake
from clvl_bench.data.readers.cell_store import StoredCells, unpacked_bytes
from clvl_bench.data.readers.encoded import file_bytes, leaves

IN_MEMORY = 256 * 2**20
"""Bytes of encoded images that are held in memory; columns of more are kept in the cache, since an
Arrow array of bytes ends at 2 GiB and parquet cannot be entered at a row."""
NO_IMAGE = "is null"


@dataclass(frozen=True)
class ImageCells:
    """The cells of all rows, by number; `named` are the files of those that are paths."""

    count: int
    read: Callable[[int], bytes]
    named: Mapping[int, Path] = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """The image files that cells name, each once."""
        return list(dict.fromkeys(self.named.values()))


@dataclass(frozen=True)
class Place:
    """Where the paths in cells count from, and the folder that none of them may leave."""

    where: str
    folder: Path
    root: Path

    def file(self, written: str) -> Path:
        """The file that a cell names.

        Raises:
            Mistake: it lies outside: the maker of a table must not choose which other files of
                this machine are read.
        """
        if "\0" in written:
            raise Mistake(f"{self.where}: the image {written[:100]!r} is the name of no file")
        path = self.folder / written
        if leaves(path, self.root):
            raise Mistake(
                f"{self.where}: the image '{written}' lies outside '{self.folder}'; put a copy in "
                f"its place"
            )
        return path

    def name_of(self, file: Path) -> Path:
        """A file of the folder from where its paths count."""
        if file.is_relative_to(self.folder):
            return file.relative_to(self.folder)
        return Path(os.path.relpath(os.path.realpath(file), os.path.realpath(self.folder)))


def parquet_cells(files: Sequence[Path], column: str, place: Place) -> ImageCells:
    """A column of parquet files, one behind the other.

    Raises:
        Mistake: the column holds neither images nor paths, or a path that leaves the folder.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if sum(unpacked_bytes(file) for file in files) > IN_MEMORY:
        return joined([_stored(file, column) for file in files])
    parts = [pq.read_table(file, columns=[column])[column].combine_chunks() for file in files]
    if len({part.type for part in parts}) == 1:
        parts = [pa.concat_arrays(parts)]
    return joined([arrow_cells(part, place) for part in parts])


def arrow_cells(column: Any, place: Place) -> ImageCells:
    """A column (pyarrow.Array or ChunkedArray) that is in memory, or mapped from a file.

    Raises:
        Mistake: as `parquet_cells`.
    """
    data = _column_of(column, "bytes", _is_bytes)
    paths = _column_of(column, "path", _is_text)
    if data is None and paths is None and column.null_count < len(column):
        raise Mistake(
            f"{place.where}: the column of images holds {column.type}; expected encoded images, "
            f"or paths of image files"
        )
    named = {} if paths is None else _named(data, paths, place)

    def read(row: int) -> bytes:
        if row in named:
            return file_bytes(named[row])
        cell: bytes | None = None if data is None else data[row].as_py()
        if cell is None:
            raise ValueError(NO_IMAGE)
        return cell

    return ImageCells(len(column), read, named)


def path_cells(written: Sequence[str | None], place: Place) -> ImageCells:
    """Cells of a table that is text: paths of image files.

    Raises:
        Mistake: one of them leaves the folder.
    """
    named = {}
    for row, path in enumerate(written):
        if path not in (None, ""):
            named[row] = place.file(str(path))

    def read(row: int) -> bytes:
        if row not in named:
            raise ValueError(NO_IMAGE)
        return file_bytes(named[row])

    return ImageCells(len(written), read, named)


def joined(parts: Sequence[ImageCells]) -> ImageCells:
    """The cells of several tables, one behind the other."""
    if len(parts) == 1:
        return parts[0]
    starts = [0, *itertools.accumulate(part.count for part in parts)]
    named: dict[int, Path] = {}
    for part, start in zip(parts, starts, strict=False):
        named |= {start + row: file for row, file in part.named.items()}

    def read(row: int) -> bytes:
        number = bisect_right(starts, row) - 1  # empty parts begin where the next one does
        return parts[number].read(row - starts[number])

    return ImageCells(starts[-1], read, named)


def _named(data: Any, paths: Any, place: Place) -> dict[int, Path]:
    """The files of the rows that have a path and no bytes: beside bytes a path is only a name."""
    import pyarrow.compute as pc

    chosen = pc.is_valid(paths)
    if data is not None:
        chosen = pc.and_(chosen, pc.is_null(data))
    rows = np.flatnonzero(np.asarray(chosen))
    return {int(row): place.file(paths[int(row)].as_py()) for row in rows}


def _column_of(column: Any, name: str, fits: Callable[[Any], bool]) -> Any:
    """A field of a column of structs, or a bare column; None where it is of another type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(column.type):
        if all(each.name != name for each in column.type):
            return None
        column = pc.struct_field(column, name)
    return column if fits(column.type) else None


def _stored(file: Path, column: str) -> ImageCells:
    cells = StoredCells(file, column)
    return ImageCells(cells.count, cells.read)


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
