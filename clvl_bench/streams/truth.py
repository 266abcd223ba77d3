"""Truth: all labels, kept by the runner; and the one array through which a label reaches anybody else.

A strategy can reach every experience of every stream (`experience.origin_stream.benchmark`), so an experience holds no
labels: it looks into `revealed`, where -1 stands for everything that has not arrived.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

HIDDEN = -1
OUTSIDE = -2
"""The label of a sample whose true answer is no candidate: known, and never given."""


class Truth:
    """The class of every sample. Only the runner holds this object."""

    def __init__(self, labels: NDArray[np.int64]) -> None:
        self._labels = labels
        self.revealed = np.full_like(labels, HIDDEN)

    def __len__(self) -> int:
        return len(self._labels)

    def reveal(self, ids: NDArray[np.int64]) -> None:
        """The labels of these samples arrive, for good."""
        self.revealed[ids] = self._labels[ids]

    def reveal_all(self) -> None:
        self.revealed[:] = self._labels

    @contextmanager
    def shown(self, ids: NDArray[np.int64]) -> Iterator[None]:
        """Labels for the evaluator while it scores these samples; hidden again afterwards."""
        before = self.revealed[ids].copy()
        self.revealed[ids] = self._labels[ids]
        try:
            yield
        finally:
            self.revealed[ids] = before


class Targets(Sequence[int]):
    """The revealed labels of some samples, looked up at each access: never a copy."""

    def __init__(self, revealed: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        self._revealed, self._ids = revealed, ids

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        found = self._revealed[self._ids[index]]
        return int(found) if np.ndim(found) == 0 else found.tolist()
