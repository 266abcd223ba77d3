"""Archive: an uncompressed tar as `pack` writes it, and nothing else that a tar can be.

A stranger may have made it. So it is read by its headers, with limits before anything is taken into
memory or written: plain files, whose bytes all lie in the archive, under names of a bounded length.
(The standard library reads headers of any size and expands sparse members, so that 10 KB of archive
become 20 GB of file.)
"""

import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from clvl_bench.core.errors import Damage

BLOCK = 512
"""Bytes of a header; what a member holds is filled up to a multiple."""
HEADER_LIMIT = 16 * 1024
"""Bytes of an extended header, which holds a long name or a large size."""
MEMBER_LIMIT = 100_000
SPARSE = 10
"""An archive that claims so many times what it takes on the disk has holes: it was not packed."""

_RECORD = re.compile(rb"(\d{1,6}) (path|size)=")


@dataclass(frozen=True)
class Member:
    """A file in the archive: its name, and where its bytes lie."""

    name: str
    start: int
    size: int
    is_plain: bool = True


def members(archive: Path) -> Iterator[Member]:
    """What an archive holds, in its order.

    Raises:
        Damage: it is cut off, or is something else than `pack` writes.
    """
    stat = archive.stat()
    if stat.st_blocks * 512 * SPARSE < stat.st_size:
        raise Damage(
            f"{archive}: claims {stat.st_size:,} bytes and has {stat.st_blocks * 512:,}: it is a "
            f"file with holes; pack it again"
        )
    with open(archive, "rb") as file:
        for count, member in enumerate(_read(file, archive)):
            if count >= MEMBER_LIMIT:
                raise _no_archive(archive, f"it holds more than {MEMBER_LIMIT:,} files")
            yield member


def _read(file: IO[bytes], archive: Path) -> Iterator[Member]:
    at = 0
    told: dict[str, str] = {}
    while (block := _block(file, at, archive)) != bytes(BLOCK):
        info = _header(block, archive)
        start = at + BLOCK
        size = info.size
        if info.type == tarfile.XHDTYPE:
            if size > HEADER_LIMIT:
                raise _no_archive(archive, f"a header has {size:,} bytes")
            file.seek(start)
            told = _extended(file.read(size), archive)
        else:
            size = int(told.get("size", size))
            plain = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
            yield Member(told.get("path", info.name), start, size, plain)
            told = {}
        at = start + -(-size // BLOCK) * BLOCK


def _block(file: IO[bytes], at: int, archive: Path) -> bytes:
    file.seek(at)
    block = file.read(BLOCK)
    if len(block) < BLOCK:
        raise _no_archive(archive, "it is cut off")
    return block


def _header(block: bytes, archive: Path) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise _no_archive(archive, str(error)) from None
    if info.size < 0:
        raise _no_archive(archive, "a size is negative")
    return info


def _extended(data: bytes, archive: Path) -> dict[str, str]:
    """The records of an extended header: `length path=...`, where the length counts itself."""
    told = {}
    while data:
        record = _RECORD.match(data)
        if record is None or not len(record[0]) < int(record[1]) <= len(data):
            raise _no_archive(archive, "a header says something else than a name and a size")
        value = data[record.end() : int(record[1]) - 1]
        if record[2] == b"size" and not re.fullmatch(rb"\d{1,15}", value):
            raise _no_archive(archive, "a size is no number")
        told[record[2].decode()] = os.fsdecode(value)
        data = data[int(record[1]) :]
    return told


def _no_archive(archive: Path, why: str) -> Damage:
    return Damage(f"{archive}: is no archive of clvl-bench pack: {why}; pack it again")
