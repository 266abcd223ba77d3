"""Compare: whether numbers moved between two sets of runs. The gate of continuous integration."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clvl_bench.core.errors import Mistake
from clvl_bench.report.runs import Run


@dataclass(frozen=True)
class ValueDifference:
    """A cell that differs: where, and both values."""

    where: str
    a: float
    b: float


MUST_AGREE = ("data_sha256", "weights_sha256", "limit")
"""What two runs of the same name must have in common for their numbers to be comparable."""


def compare(
    a: Sequence[Run], b: Sequence[Run], *, tolerance: float
) -> tuple[list[ValueDifference], int]:
    """Every cell of the runs that both have in which they differ by more than `tolerance` (counts:
    at all).

    Returns:
        The differences, the largest first, and how many runs were compared.

    Raises:
        Mistake: they have no run in common, or their data or weights differ.
    """
    of_b = {run.origin.key: run for run in b}
    common = [(run, of_b[run.origin.key]) for run in a if run.origin.key in of_b]
    if not common:
        raise Mistake(
            "compare: the two sides have no run in common (benchmark, strategy, backbone, seed and "
            "class order)"
        )
    differences: list[ValueDifference] = []
    for left, right in common:
        _refuse_other_inputs(left, right)
        differences += _differences(left, right, tolerance)
    differences.sort(key=_size, reverse=True)
    return differences, len(common)


def _refuse_other_inputs(left: Run, right: Run) -> None:
    if not left.records or not right.records:
        return
    for what in MUST_AGREE:
        if getattr(left.origin, what) != getattr(right.origin, what):
            raise Mistake(
                f"compare: {left.origin.run} has other {what} on the two sides; these numbers "
                f"cannot be compared"
            )


Cell = tuple[int, str, int, str]
"""Experiences learned, stream, experience, metric."""


def _differences(left: Run, right: Run, tolerance: float) -> Iterator[ValueDifference]:
    of_left = _values(left)
    of_right = _values(right)
    for cell in sorted(of_left.keys() | of_right.keys()):
        a = of_left.get(cell, math.nan)
        b = of_right.get(cell, math.nan)
        missing = cell not in of_left or cell not in of_right
        *_, metric = cell
        limit = tolerance if metric == "accuracy" else 0.0
        if missing or _distance(a, b) > limit:
            where = f"{left.origin.strategy} seed {left.origin.seed} {_described(cell)}"
            yield ValueDifference(where, a, b)


def _values(run: Run) -> dict[Cell, float]:
    found = {}
    for record in run.records:
        cell = (record.trained, record.stream, record.experience, record.metric)
        found[cell] = record.value
    return found


def _size(difference: ValueDifference) -> float:
    return _distance(difference.a, difference.b)


def _distance(a: float, b: float) -> float:
    """Two undefined values are equal; one is infinitely far from a number."""
    if math.isnan(a) and math.isnan(b):
        return 0.0
    return math.inf if math.isnan(a) or math.isnan(b) else abs(a - b)


def _described(cell: Cell) -> str:
    trained, stream, experience, metric = cell
    where = f" on {stream} {experience}" if stream else ""
    return f"after {trained}: {metric}{where}"
