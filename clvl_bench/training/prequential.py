"""Prequential: an online stream is tested by each of its samples before it is learned from. Sums
over windows of steps.

Gama, Sebastiao & Rodrigues 2013, On evaluating stream learning algorithms. Nothing is kept for a
single sample or step, so a stream may be of any length.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

RATES: dict[str, tuple[str, str]] = {
    "prequential": ("right", "samples"),
    "reward": ("rewards", "samples"),
    "near_future": ("right_ahead", "samples_ahead"),
    "blind_last": ("right_last", "samples"),
    "blind_majority": ("right_majority", "samples"),
    "pseudo_precision": ("right_pseudo", "pseudo"),
    "pseudo_coverage": ("pseudo", "unlabelled"),
}
"""Each rate of a window: the sum above and the sum below. One without anything below is left
out."""


@dataclass
class Window:
    """Sums over some steps, and where they are."""

    index: int
    steps: int = 0
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, **counts: float) -> None:
        for name, count in counts.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(count)

    def rates(self) -> Iterator[tuple[str, float, int]]:
        """Name, value and number of samples of every rate."""
        for name, (above, below) in RATES.items():
            if above in self.sums and self.sums.get(below):
                yield name, self.sums[above] / self.sums[below], int(self.sums[below])


class Prequential:
    """Scores what was predicted at each step, and gives a window when it is full.

    Two predictors that see no image are scored beside the learner: one always says the label that
    arrived last, the other the label that has arrived most often. Where equal labels follow each
    other, both are hard to beat without delay.
    """

    def __init__(self, *, steps: int, windows: int, classes: int) -> None:
        self._length = -(-steps // windows)
        self.steps = steps
        self.done = 0
        self._window = Window(0)
        self._last = -1
        self._counts = np.zeros(classes, dtype=np.int64)

    def scored(self, predicted: Ids, actions: Ids, true: Ids, *, rewarding: bool) -> None:
        """Score the samples of a step.

        Args:
            predicted: the class of the highest score [n].
            actions: the class that was chosen [n]; another one only where a policy explores.
            true: the one right class [n].
            rewarding: count rewards; the two blind predictors need labels and are left out.
        """
        self._window.add(right=(predicted == true).sum(), samples=len(true))
        if rewarding:
            self._window.add(rewards=(actions == true).sum())
        else:
            majority = int(self._counts.argmax()) if self._counts.any() else -1
            self._window.add(
                right_last=(true == self._last).sum(), right_majority=(true == majority).sum()
            )

    def ahead(self, predicted: Ids, true: Ids) -> None:
        """Samples of later steps, scored by the model of now."""
        self._window.add(right_ahead=(predicted == true).sum(), samples_ahead=len(true))

    def pseudo(self, labels: Ids, kept: NDArray[np.bool_], true: Ids) -> None:
        """Pseudo-labels that a learner considered: which ones it kept."""
        self._window.add(
            unlabelled=len(true), pseudo=kept.sum(), right_pseudo=((labels == true) & kept).sum()
        )

    def arrived(self, labels: Ids, count: int) -> None:
        """So many labels or rewards arrived; `labels` are those that are known."""
        self._window.add(arrived=count)
        if len(labels):
            self._last = int(labels[-1])
            np.add.at(self._counts, labels, 1)

    def step(self) -> Window | None:
        """A step is over: its window, if that is full or the last one."""
        self.done += 1
        self._window.steps += 1
        if self._window.steps < self._length and self.done < self.steps:
            return None
        full = self._window
        self._window = Window(full.index + 1)
        return full

    def state(self) -> dict[str, Any]:
        """Plain values, enough to go on."""
        window = {
            "index": self._window.index,
            "steps": self._window.steps,
            "sums": self._window.sums,
        }
        return {
            "done": self.done,
            "last": self._last,
            "counts": self._counts.tolist(),
            "window": window,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.done = state["done"]
        self._last = state["last"]
        self._counts = np.array(state["counts"], dtype=np.int64)
        self._window = Window(**state["window"])


class PseudoTally:
    """Pseudo-labels class by class: of the samples taken for a class, how many were right; of its
    own, how many were kept.
    """

    def __init__(self, classes: int) -> None:
        # Rows: kept, right of these, unlabelled, kept of these.
        self._counts = np.zeros((4, classes), dtype=np.int64)

    def add(self, labels: Ids, kept: NDArray[np.bool_], true: Ids) -> None:
        """Some unlabelled samples [n]: what they were taken for, whether that is learned from, and
        what they are.
        """
        rows = (labels[kept], labels[kept & (labels == true)], true, true[kept])
        for counts, classes in zip(self._counts, rows, strict=True):
            np.add.at(counts, classes, 1)

    def rates(self) -> Iterator[tuple[int, str, float, int]]:
        """Class, name of the rate, value and number of samples, where there are any."""
        kept, right, unlabelled, covered = self._counts.tolist()
        for class_id in range(len(kept)):
            if kept[class_id]:
                precision = right[class_id] / kept[class_id]
                yield class_id, "class_pseudo_precision", precision, kept[class_id]
            if unlabelled[class_id]:
                coverage = covered[class_id] / unlabelled[class_id]
                yield class_id, "class_pseudo_coverage", coverage, unlabelled[class_id]

    def state(self) -> list[list[int]]:
        """Plain values, enough to go on."""
        found: list[list[int]] = self._counts.tolist()
        return found

    def load(self, state: list[list[int]]) -> None:
        self._counts = np.array(state, dtype=np.int64)
