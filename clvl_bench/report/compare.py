"""Compare: whether numbers moved between two sets of runs. The gate of continuous integration."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from clvl_bench.core.errors import Mistake
from clvl_bench.records.rows import Record
from clvl_bench.report.runs import Run


@dataclass(frozen=True)
class ValueDifference:
    """A cell that differs: where, and both values."""

    where: str
    a: float
    b: float


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
    differences = []
    for left, right in common:
        for what in ("data_sha256", "weights_sha256", "limit"):
            if (
                getattr(left.origin, what) != getattr(right.origin, what)
                and left.records
                and right.records
            ):
                raise Mistake(
                    f"compare: {left.origin.run} has other {what} on the two sides; these numbers "
                    f"cannot be compared"
                )
        differences += _differences(left, right, tolerance)
    return sorted(differences, key=lambda difference: -_distance(difference.a, difference.b)), len(
        common
    )


def _differences(left: Run, right: Run, tolerance: float) -> list[ValueDifference]:
    cells = [{_cell(record): record for record in run.records} for run in (left, right)]
    found = []
    for cell in cells[0].keys() | cells[1].keys():
        a, b = (side[cell].value if cell in side else math.nan for side in cells)
        both = cell in cells[0] and cell in cells[1]
        limit = tolerance if cell[3] == "accuracy" else 0.0
        if not both or _distance(a, b) > limit:
            found.append(
                ValueDifference(
                    f"{left.origin.strategy} seed {left.origin.seed} {_shown(cell)}", a, b
                )
            )
    return found


def _distance(a: float, b: float) -> float:
    if math.isnan(a) and math.isnan(b):
        return 0.0
    return math.inf if math.isnan(a) or math.isnan(b) else abs(a - b)


Cell = tuple[int, str, int, str]


def _cell(record: Record) -> Cell:
    return record.trained, record.stream, record.experience, record.metric


def _shown(cell: Cell) -> str:
    trained, stream, experience, metric = cell
    return (
        f"after {trained}: {metric} on {stream} {experience}"
        if stream
        else f"after {trained}: {metric}"
    )
