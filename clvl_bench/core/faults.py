"""Faults of the machine, not of us and not of a file: the disk is full, a folder cannot be written,
memory ran out. A run fails with one line, and runs again once the machine is mended.
"""

import errno
import shutil
from pathlib import Path

from clvl_bench.core.errors import ClvlError, RunFailed
from clvl_bench.core.resources import out_of_memory

MENDS = {
    errno.ENOSPC: "free some",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EROFS: "choose a place that can be written (--results, CLVL_HOME)",
    errno.EACCES: "allow it, or choose another place (--results, CLVL_HOME)",
    errno.EPERM: "allow it, or choose another place (--results, CLVL_HOME)",
    errno.EMFILE: "allow more open files (ulimit -n), or run fewer at a time (--jobs)",
    errno.ENFILE: "close some on this machine, or run fewer at a time (--jobs)",
    errno.ENAMETOOLONG: "choose shorter names or a shorter --results",
    errno.EIO: "the disk may be broken",
    errno.ESTALE: "the network's file system lost it",
}
"""What can go wrong with a file through no fault of its content, and what to do about it."""

LONGEST = 200
"""Characters of what a library said that are repeated."""


def as_failure(error: BaseException) -> RunFailed | None:
    """The one line that such a fault is told in; None where the error is something else."""
    if isinstance(error, OSError) and error.errno in MENDS:
        where = f": {error.filename}" if error.filename else ""
        return RunFailed(
            f"disk: {error.strerror}{where}; {MENDS[error.errno]}, and run the same command again"
        )
    if isinstance(error, Exception) and out_of_memory(error):
        said = (str(error).splitlines() or [type(error).__name__])[0][:LONGEST]
        return RunFailed(f"memory: {said}; a smaller train.batch_size or fewer --jobs need less")
    return None


def as_line(error: Exception) -> ClvlError | None:
    """What a user is told of an error in one line; None where it is a fault of ours."""
    return error if isinstance(error, ClvlError) else as_failure(error)


def free_bytes(folder: Path) -> int:
    """Of the disk on which a folder is, or would be."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    return shutil.disk_usage(existing).free


def refuse_full_disk(what: str, needed: int, folder: Path, *, variable: str) -> None:
    """Said before anything is written, not after the disk is full.

    Args:
        what: takes so many bytes.
        folder: where it would go.
        variable: of the environment, which names another place.

    Raises:
        RunFailed: less is free.
    """
    free = free_bytes(folder)
    if free < needed:
        raise RunFailed(
            f"{what} takes {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free in {folder}; "
            f"let {variable} name a folder on a larger disk"
        )
