"""Label store: all labels, held by the runner alone, and the one array through which a label
reaches a strategy.

A strategy can reach every experience of every stream (`experience.origin_stream.benchmark`), so an
experience holds no labels: it looks into `visible_labels`, where -1 stands for everything that has
not arrived.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from clvl_bench.streams.label_delay import NEVER

HIDDEN = -1
OUTSIDE = -2
"""The label of a sample whose true answer is no candidate: no prediction is ever equal to it."""


class LabelStore:
    """The class of every sample, and when its label arrives. Only the runner holds this object.

    Args:
        labels: class of each sample [samples].
        arrivals: the step of an online stream at which its label arrives, NEVER for those without
            [samples]; at once if None.
        rewarding: labels never arrive; whether an action was right does.
    """

    def __init__(
        self,
        labels: NDArray[np.int64],
        arrivals: NDArray[np.int64] | None = None,
        *,
        rewarding: bool = False,
    ) -> None:
        self._labels = labels
        self.arrivals = np.zeros_like(labels) if arrivals is None else arrivals
        self._order = np.argsort(self.arrivals, kind="stable")
        self._sorted = self.arrivals[self._order]
        self.rewarding = rewarding
        self.visible_labels = np.full_like(labels, HIDDEN)

    def __len__(self) -> int:
        return len(self._labels)

    def reveal(self, ids: NDArray[np.int64]) -> None:
        """The labels of these samples arrive, for good; some may have none."""
        ids = ids[self.arrivals[ids] != NEVER]
        self.visible_labels[ids] = self._labels[ids]

    def reveal_all(self) -> None:
        self.reveal(np.arange(len(self)))

    def due(self, step: int) -> NDArray[np.int64]:
        """The samples about which something arrives at a step."""
        edges = np.searchsorted(self._sorted, [step, step + 1])
        return self._order[edges[0] : edges[1]]

    def reward(self, ids: NDArray[np.int64], actions: NDArray[np.int64]) -> NDArray[np.float32]:
        """1 where the class that was chosen is right, else 0."""
        right: NDArray[np.float32] = (self._labels[ids] == actions).astype(np.float32)
        return right

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Labels for the evaluator: they are not revealed by it."""
        return self._labels[ids]

    @contextmanager
    def temporarily_visible(self, ids: NDArray[np.int64]) -> Iterator[None]:
        """Labels for the evaluator while it scores these samples; hidden again afterwards."""
        before = self.visible_labels[ids].copy()
        self.visible_labels[ids] = self._labels[ids]
        try:
            yield
        finally:
            self.visible_labels[ids] = before


class Targets(Sequence[int]):
    """The visible labels of some samples.

    Each access looks into the store's own array and nothing is copied: a dataset that was made
    while its labels were hidden shows them as soon as they arrive, and hides them again with them.
    """

    def __init__(self, visible_labels: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        self._visible_labels = visible_labels
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        found = self._visible_labels[self._ids[index]]
        # Of a single number `tolist` gives a plain int, of several a list of them.
        return found.tolist()
