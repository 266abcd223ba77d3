"""What every exporter promises, and what it is told."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Setting = str | int | float | bool
End = Literal["finished", "interrupted", "failed"]
"""How a run ended, or this part of it: what is interrupted goes on later."""
PROJECT = "clvl_bench"
"""What trackers gather runs under, unless a setting of the tracker's own says otherwise."""


@dataclass(frozen=True)
class Facts:
    """Which run it is.

    Args:
        run: its id.
        group: its benchmark.
        settings: coordinates and whole configuration, without folders, under dotted names.
        folder: its run folder.
        results: the folder whose `runs` holds it; trackers that keep all runs in one place do so
            there.
    """

    run: str
    group: str
    settings: Mapping[str, Setting]
    folder: Path
    results: Path


@dataclass(frozen=True)
class Point:
    """A row as a point of a curve."""

    step: int
    name: str
    value: float


def by_step(points: Iterable[Point]) -> dict[int, dict[str, float]]:
    """The values of each step, by their names.

    Example:
        >>> by_step([Point(1, "a", 0.5), Point(1, "b", 0.25), Point(2, "a", 1.0)])
        {1: {'a': 0.5, 'b': 0.25}, 2: {'a': 1.0}}
    """
    steps: dict[int, dict[str, float]] = {}
    for point in points:
        steps.setdefault(point.step, {})[point.name] = point.value
    return steps


class Exporter(ABC):
    """One run in one tracker.

    What a method raises ends the export and never the run. The package of the tracker is imported
    in `begin`, not before.
    """

    @abstractmethod
    def begin(self, facts: Facts, run: str | None) -> str:
        """Open a run of the tracker, and give the name under which it can be gone on with.

        Args:
            run: a name that was given before, to go on with that run; None for a new one, whatever
                there may be of an earlier start.
        """

    @abstractmethod
    def rows(self, points: Sequence[Point]) -> None:
        """Hand over points that were measured since; behind this call they are where
        they belong: this process may be killed.
        """

    @abstractmethod
    def end(self, end: End) -> None:
        """Close what `begin` opened."""
