"""Selection: which of a sweep's settings to keep, by validation accuracy alone. Nothing of the test
stream is looked at.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clvl_bench.core.errors import Mistake
from clvl_bench.records.rows import Record
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.summary import Cell, over_runs


@dataclass(frozen=True)
class Setting:
    """One setting of a strategy: what was overridden, and its accuracy on validation over the runs
    that finished.
    """

    table: Table
    strategy: str
    overrides: str
    accuracy: Cell
    failed: int
    kept: bool = False


def select(runs: Sequence[Run]) -> list[Setting]:
    """The settings of each strategy, best first; the first is the one to keep.

    A setting with a failed run is never kept. Of equals, the first by name is.

    Raises:
        Mistake: no run has validation rows.
    """
    groups: dict[tuple[Table, str, str], list[Run]] = {}
    for run in runs:
        strategy, _, overrides = run.origin.strategy.partition("[")
        groups.setdefault((run.origin.table, strategy, overrides.removesuffix("]")), []).append(run)
    settings = []
    for (table, strategy, overrides), members in groups.items():
        finished = [accuracy(run.records) for run in members if run.origin.state == "done"]
        settings.append(
            Setting(table, strategy, overrides, over_runs(finished), len(members) - len(finished))
        )
    if all(math.isnan(setting.accuracy.mean) for setting in settings):
        raise Mistake(
            "select: these runs have no validation samples; set valid_fraction in the benchmark, "
            "for example 0.1"
        )
    ordered = sorted(settings, key=_rank)
    best = {(setting.table, setting.strategy): setting for setting in reversed(ordered)}
    return [
        Setting(
            s.table,
            s.strategy,
            s.overrides,
            s.accuracy,
            s.failed,
            kept=best[s.table, s.strategy] is s,
        )
        for s in ordered
    ]


def accuracy(records: Iterable[Record]) -> float:
    """Share of validation samples, over all experiences, that are right after the last one; NaN
    where there are none.
    """
    rows = [
        record for record in records if record.stream == "valid" and record.metric == "accuracy"
    ]
    return (
        math.fsum(row.value * row.n for row in rows) / sum(row.n for row in rows)
        if rows
        else math.nan
    )


def _rank(setting: Setting) -> tuple[Table, str, bool, float, str]:
    value = setting.accuracy.mean
    unusable = setting.failed > 0 or math.isnan(value)
    return (
        setting.table,
        setting.strategy,
        unusable,
        0.0 if math.isnan(value) else -value,
        setting.overrides,
    )
