"""Paired: the strategies of each table on the runs and test samples that they share, handed to the
statistics.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields

import pandas as pd

from clvl_bench.core.errors import Damage
from clvl_bench.metrics.continual import last
from clvl_bench.report.design import RunAt
from clvl_bench.report.matrices import of_records
from clvl_bench.report.run_table import Correct
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.statistics import Difference, Interval, differences, intervals, letters

SMALL_P = 12
"""Decimals of a p-value: it may be small, and Holm's correction multiplies it."""

MOST = 100
"""Strategies of a table that are compared in pairs. Of more, as in a sweep over prompts, Holm's
correction over all pairs leaves nothing to say."""


@dataclass(frozen=True)
class Compared:
    """All pairs of a table, the letters that sum them up, and how sure the accuracy of each
    strategy is.
    """

    differences: tuple[Difference, ...]
    letters: Mapping[str, str]
    intervals: Mapping[str, Interval] = field(default_factory=dict)


def paired(runs: Sequence[Run]) -> dict[Table, Compared]:
    """The comparison of each table that has at least two strategies, and at most `MOST`; each pair
    on the runs that both have.

    A strategy whose Last is undefined in any run is left out: it did not answer, which is no
    accuracy of zero.

    Raises:
        Damage: runs of one table were tested on different numbers of samples.
    """
    undefined = {
        (*run.origin.table, run.origin.strategy) for run in runs if run.records and _undefined(run)
    }
    tables: dict[Table, dict[str, dict[RunAt, Correct]]] = {}
    for run in runs:
        origin = run.origin
        if run.correct is not None and (*origin.table, origin.strategy) not in undefined:
            of_strategy = tables.setdefault(origin.table, {}).setdefault(origin.strategy, {})
            of_strategy[RunAt(origin.class_order, origin.seed)] = run.correct
    return {
        table: _compared(table, tables[table])
        for table in sorted(tables)
        if 1 < len(tables[table]) <= MOST
    }


def _compared(table: Table, strategies: Mapping[str, Mapping[RunAt, Correct]]) -> Compared:
    ordered = {name: strategies[name] for name in sorted(strategies)}
    try:
        pairs = differences(ordered)
    except ValueError as error:
        raise Damage(f"{' '.join(table)}: {error}") from None
    known = intervals(ordered)
    means = {name: interval.mean for name, interval in known.items()}
    return Compared(tuple(pairs), letters(means, pairs), known)


def _undefined(run: Run) -> bool:
    return math.isnan(last(of_records(run.records)))


def differences_frame(compared: Mapping[Table, Compared]) -> pd.DataFrame:
    """One row a pair."""
    coordinates = ["benchmark", "label_space", "backbone"]
    rows = []
    for table, found in compared.items():
        where = dict(zip(coordinates, table, strict=True))
        rows += [{**where, **asdict(pair)} for pair in found.differences]
    columns = [*coordinates, *(field.name for field in fields(Difference))]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.round({name: SMALL_P if name in ("p", "p_holm") else 6 for name in columns[5:]})
