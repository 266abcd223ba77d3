"""Tokens: texts as token ids, no longer than a text tower reads.

A text that is cut is never silent: what differs behind the cut is not seen, and two classes may
become one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clvl_bench.core.errors import warn

TEXT_CHUNK = 256
"""Sentences that go through the text tower together."""
NAMED = 2
"""How many texts that are cut a line names, before it counts the rest."""
GLANCE = 48
"""So many characters of such a text are shown."""


@dataclass(frozen=True)
class Tokens:
    """Token ids [rows, length], cut behind the last end of text, and the place of each row's first
    end of text [rows].
    """

    ids: Tensor
    ends: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, start: int, stop: int) -> "Tokens":
        """Some rows, cut anew: no text tower uses what stands behind the last end of text."""
        return self[slice(start, stop)]

    def __getitem__(self, which: slice | Tensor) -> "Tokens":
        """The same, by a slice or by row numbers [n]."""
        ends = self.ends[which]
        return Tokens(self.ids[which][:, : int(ends.max()) + 1], ends)

    def chunks(self) -> "list[Tokens]":
        """All rows, in parts of as many sentences as go through a text tower together."""
        return [self.rows(start, start + TEXT_CHUNK) for start in range(0, len(self), TEXT_CHUNK)]


def up_to_end(ids: Sequence[int], end: int) -> list[int]:
    """Token ids up to the first end of text: what a text writes behind one is not read."""
    return list(ids[: ids.index(end) + 1])


def within(ids: Sequence[int], length: int) -> list[int]:
    """Token ids that end with the end of text, at most so many: the last ones before it go."""
    if len(ids) <= length:
        return list(ids)
    return [*ids[: length - 1], ids[-1]]


def padded_rows(rows: Sequence[Sequence[int]], device: torch.device) -> Tokens:
    """Rows of ids as one tensor, each filled with its own end of text."""
    longest = max(len(row) for row in rows)
    filled = [[*row, *[row[-1]] * (longest - len(row))] for row in rows]
    ends = [len(row) - 1 for row in rows]
    return Tokens(torch.tensor(filled, device=device), torch.tensor(ends, device=device))


class CutTexts:
    """The texts that did not fit into a context. Each is told of once, however often it is read.

    Args:
        reader: whose context it is, as a line calls it.
        length: how many tokens it reads, start and end included.
    """

    def __init__(self, reader: str, length: int) -> None:
        self._reader = reader
        self._length = length
        self._known: set[str] = set()

    def tell(self, cut: Sequence[str], *, of: int) -> None:
        """Warn in one line of the texts that are new, among so many that were read together."""
        new = [text for text in dict.fromkeys(cut) if text not in self._known]
        self._known.update(new)
        if not new:
            return
        named = ", ".join(f"'{shortened(text)}'" for text in new[:NAMED])
        more = f" and {len(new) - NAMED} more" if len(new) > NAMED else ""
        verb = "is" if len(new) == 1 else "are"
        warn(
            f"{self._reader} reads {self._length} tokens: {len(new)} of {of} texts {verb} longer "
            f"and cut there, {named}{more}; shorten what must be told apart"
        )

    def count(self, texts: Iterable[str]) -> int:
        """How many of these, which were read before, were cut."""
        return sum(text in self._known for text in texts)


def shortened(text: str) -> str:
    """The beginning and the end of a text."""
    if len(text) <= GLANCE:
        return text
    half = GLANCE // 2
    return f"{text[:half]} ... {text[-half:]}"
