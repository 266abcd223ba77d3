"""Cell store: a column of parquet that is too large for memory, copied once into the cache and read
there cell by cell.

Parquet is compressed in groups of rows: to get at one picture a whole group is unpacked, 12 ms and
more where this takes 0.04 ms. Memory stays below 200 MB however large the column is. (The library
`datasets` keeps a copy as well; on the same 3.8 GB it took as long and 0.6 to 1.6 GB of memory.)
"""

import io
import os
import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.cache_dir import cache_dir, cache_name
from clvl_bench.core.errors import Damage, announce
from clvl_bench.core.faults import refuse_full_disk
from clvl_bench.core.files import remove_strays, temporary_name, write_atomically
from clvl_bench.core.lock import in_turn
from clvl_bench.core.ticker import Ticker
from clvl_bench.data.readers.scan import is_reading_anew

LAYOUT = 1
"""Grows whenever a store is laid out otherwise."""
BATCH = 32
"""Rows that are unpacked together."""


class StoredCells:
    """The bytes of a column of one parquet file. The copy is made when the first cell is read.

    Args:
        column: of bytes, or of structs that hold `bytes`.
    """

    def __init__(self, file: Path, column: str) -> None:
        import pyarrow.parquet as pq

        self.file = file
        self.column = column
        self.count: int = pq.read_metadata(file).num_rows
        self.weight = unpacked_bytes(file)
        stat = file.stat()
        key = repr((str(file.resolve()), stat.st_size, stat.st_mtime_ns, column, LAYOUT))
        name = cache_name(key)
        self.copy = cache_dir() / "tables" / f"{name}.cells"
        self.index = self.copy.with_suffix(".npy")

    def read(self, row: int) -> bytes:
        """The bytes of one cell.

        Raises:
            ValueError: it is null.
            Damage: the copy is not what was written.
        """
        start, size, check = self._index[row].tolist()
        if size < 0:
            raise ValueError("is null")
        with open(self.copy, "rb") as file:
            file.seek(start)
            cell = file.read(size)
        if zlib.crc32(cell) != check:
            raise Damage(f"{self.copy}: is not what was written; remove it, and it is made again")
        return cell

    @cached_property
    def _index(self) -> NDArray[np.int64]:
        """[rows, 3]: where each cell begins in the copy, its size (-1: null) and its checksum."""
        kept = None if is_reading_anew() else self._kept()
        return self._copied_by_one() if kept is None else kept

    def _copied_by_one(self) -> NDArray[np.int64]:
        """The index of a copy that is made here, or by another process that was quicker."""
        remove_strays(self.copy.parent)
        with in_turn(self.copy.with_suffix(""), f"copying the images of {self.file.name}"):
            made = None if is_reading_anew() else self._kept(quietly=True)
            return self._copied() if made is None else made

    def _kept(self, *, quietly: bool = False) -> NDArray[np.int64] | None:
        """The index of a whole copy; None where there is none, or it does not fit."""
        try:
            copied = self.copy.stat().st_size
            index: NDArray[np.int64] = np.load(self.index, allow_pickle=False)
        except FileNotFoundError:
            return None
        except (ValueError, OSError, EOFError):
            index = np.zeros((0, 3), dtype=np.int64)
        fits = index.shape == (self.count, 3) and np.maximum(index[:, 1], 0).sum() == copied
        if not (fits or quietly):
            announce(self.copy, "its table is copied again")
        return index if fits else None

    def _copied(self) -> NDArray[np.int64]:
        """Copy the column. The index comes last: where it is, the copy is whole."""
        self.copy.parent.mkdir(parents=True, exist_ok=True)
        what = f"{self.file}: a copy of its images"
        refuse_full_disk(what, self.weight, self.copy.parent, variable="CLVL_HOME")
        index = np.zeros((self.count, 3), dtype=np.int64)
        tick = Ticker(f"{self.file.name}: copying its images into the cache", self.count)
        temporary = self.copy.with_name(temporary_name())
        at = 0
        try:
            with open(temporary, "wb") as out:
                for row, cell in enumerate(self._cells()):
                    index[row] = (at, -1, 0) if cell is None else (at, len(cell), zlib.crc32(cell))
                    at += out.write(cell or b"")
                    tick(row + 1)
            os.replace(temporary, self.copy)
        finally:
            temporary.unlink(missing_ok=True)
        write_atomically(self.index, _as_npy(index), durable=False)
        return index

    def _cells(self) -> Iterator[bytes | None]:
        """The cells in their order, a few rows of them in memory at a time."""
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        file = pq.ParquetFile(self.file, pre_buffer=False, buffer_size=2**20)
        names = [file.schema.column(number).path for number in range(len(file.schema.names))]
        leaf = f"{self.column}.bytes"
        wanted = leaf if leaf in names else self.column
        for batch in file.iter_batches(BATCH, columns=[wanted], use_threads=False):
            cells = batch.column(0)
            yield from (pc.struct_field(cells, "bytes") if wanted == leaf else cells).to_pylist()


def unpacked_bytes(file: Path) -> int:
    """How many bytes the columns of a file have when they are unpacked, from its own table of
    contents.
    """
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(file)
    # Of whole groups: where a byte of what it says of one column is wrong, asking for that ends
    # the process (pyarrow 26 lets the error of its C++ half through).
    groups = range(metadata.num_row_groups)
    return sum(max(0, metadata.row_group(group).total_byte_size) for group in groups)


def _as_npy(values: NDArray[np.int64]) -> bytes:
    data = io.BytesIO()
    np.save(data, values)
    return data.getvalue()
