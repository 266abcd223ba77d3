"""Time left: what the experiences that are left will take, after those that were learned.

Later experiences cost more than earlier ones: more is evaluated each time. So seconds are counted
for each sample that is trained on, and for each that is evaluated. What a sample cost in the last
experience counts: memories and numbers of classes grow as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """What an experience takes, in samples.

    Args:
        train: in an epoch.
        evaluate: behind it.
    """

    train: int
    evaluate: int


class TimeLeft:
    """The time that is left of a run.

    Args:
        work: of all experiences, in their order.
    """

    def __init__(self, work: Sequence[Work]) -> None:
        self._work = work
        self._done = 0
        self._rates: tuple[float, float] | None = None

    def learned(self, done: int, *, train_seconds: float, evaluate_seconds: float) -> None:
        """So many experiences are learned and evaluated, the last of them in these seconds."""
        self._done = done
        last = self._work[done - 1]
        self._rates = train_seconds / max(1, last.train), evaluate_seconds / max(1, last.evaluate)

    def seconds(self, since: float = 0.0) -> float | None:
        """What is left, so many seconds after the last experience; None before one is learned."""
        if self._rates is None:
            return None
        costs = [self._cost(work) for work in self._work[self._done :]]
        if not costs:
            return 0.0
        current = max(0.0, costs[0] - since)
        return current + sum(costs[1:])

    def _cost(self, work: Work) -> float:
        assert self._rates is not None
        train, evaluate = self._rates
        return train * work.train + evaluate * work.evaluate
