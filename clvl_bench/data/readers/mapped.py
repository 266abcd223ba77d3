"""Mapped arrays: arrays of a .npz file that stay on the disk and are read where they are asked for.

A copy of features in memory is as large as their file: 10 GB for five million of width 512. What
`numpy.savez` writes is not compressed, so that each array lies in the file as it would in memory.
"""

import zipfile
from collections.abc import Iterator, Sequence
from mmap import MADV_DONTNEED, MADV_RANDOM
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

MAPPED = 1 << 28
"""Bytes from which on an array is mapped: smaller ones are read into memory, which is faster."""

BLOCK = 1 << 26
"""Bytes that are looked at together, and that mapped pages may take before they are given back."""

AROUND = 1 << 21
"""Bytes that Linux maps around one that is read, at most: where the file is in its memory, it lies
there in pieces of up to 2 MiB, and a piece is mapped whole."""

_HEADER_BYTES = 30
"""Of a member of a zip file, before its name; the lengths of name and extra field are its last
four."""
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def mapped_array(path: Path, name: str) -> NDArray[Any] | None:
    """The array of that name in a .npz file, mapped; None where it is small, compressed, or laid
    out in another way than rows behind each other.

    Raises:
        OSError, ValueError, ...: one of `npz.UNREADABLE`.
    """
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size < MAPPED:
            return None
        with archive.open(member) as file:
            read_header = _HEADERS.get(npy.read_magic(file))
            if read_header is None:
                return None
            shape, by_columns, dtype = read_header(file)
            start = file.tell()
    if by_columns or dtype.hasobject or len(shape) < 2:
        return None
    with open(path, "rb") as whole:
        whole.seek(member.header_offset)
        lengths = np.frombuffer(whole.read(_HEADER_BYTES)[-4:], dtype="<u2")
    offset = member.header_offset + _HEADER_BYTES + int(lengths.sum()) + start
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)


def blocks_of(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Neighbouring rows, as many as fit into a block; pages of a mapped array are given back behind
    each.
    """
    size = max(1, BLOCK // max(1, rows[:1].nbytes))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
        give_back(rows)


def give_back(rows: NDArray[Any]) -> None:
    """Of a mapped array, let the pages go that were read; the system still holds them while it has
    room.
    """
    if isinstance(rows, np.memmap):
        rows._mmap.madvise(MADV_DONTNEED)  # type: ignore[attr-defined]


class MappedRows:
    """Rows by number of several mapped or plain arrays [n, width], as one table in fp32."""

    def __init__(self, arrays: Sequence[NDArray[Any]]) -> None:
        self._arrays = list(arrays)
        self._starts = np.cumsum([0, *(len(array) for array in arrays)])
        self._mapped = 0
        for array in arrays:
            if isinstance(array, np.memmap):
                # Minibatches jump: what stands beside a row is not read with it.
                array._mmap.madvise(MADV_RANDOM)  # type: ignore[attr-defined]

    def __call__(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rows of some numbers [n, width]."""
        found = np.empty((len(numbers), self._arrays[0].shape[1]), dtype=np.float32)
        of_array = np.searchsorted(self._starts, numbers, side="right") - 1
        for which in np.unique(of_array):
            here = of_array == which
            found[here] = self._arrays[which][numbers[here] - self._starts[which]]
        self._give_back(len(numbers) * (found[:1].nbytes + AROUND))
        return found

    def _give_back(self, newly_mapped: int) -> None:
        self._mapped += newly_mapped
        if self._mapped > BLOCK:
            self._mapped = 0
            for array in self._arrays:
                give_back(array)
