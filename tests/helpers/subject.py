"""Subject: a file of a kind that the suite reads, whole, with what reads it and the command that
does. It is small, so that a mutation meets what matters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Write = Callable[[Path], Path]
"""Writes all that belongs together into an empty folder; gives the file to break."""
Read = Callable[[Path], object]
"""Reads it, given the folder."""
Command = Callable[[Path], tuple[object, ...]]
"""The arguments of the command that reads it."""


@dataclass(frozen=True)
class Subject:
    """A file that can be read, and broken.

    Args:
        command: None where only a run reads it, on its way.
        share: how many mutations it gets beside others of its kind; what is slow gets fewer.
        sampled: whether it is quick enough for a sample in the ordinary tests.
    """

    kind: str
    name: str
    write: Write
    read: Read
    command: Command | None
    share: float = 1.0
    sampled: bool = True

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"
