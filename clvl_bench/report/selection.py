"""Selection: which of a sweep's settings to keep, by validation accuracy alone. Nothing of the test
stream is looked at.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

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
    """The settings of each strategy, best first; the first is the one to keep, if it may be.

    A setting with a failed run is never kept. Of equals, the first by name is.

    Raises:
        Mistake: no run has finished, or none has validation rows.
    """
    if all(run.origin.state != "done" for run in runs):
        reasons = [run.origin.reason for run in runs]
        raise Mistake(
            f"select: none of these {len(runs)} runs has finished, so no setting can be kept; the "
            f"first: {next(filter(None, reasons), 'no reason is known')}"
        )
    by_setting: dict[tuple[Table, str, str], list[Run]] = {}
    for run in runs:
        strategy, _, overrides = run.origin.strategy.partition("[")
        setting = (run.origin.table, strategy, overrides.removesuffix("]"))
        by_setting.setdefault(setting, []).append(run)
    settings = []
    for (table, strategy, overrides), members in by_setting.items():
        finished = [accuracy(run.records) for run in members if run.origin.state == "done"]
        failed = len(members) - len(finished)
        settings.append(Setting(table, strategy, overrides, over_runs(finished), failed))
    if all(math.isnan(setting.accuracy.mean) for setting in settings):
        raise Mistake(
            "select: these runs have no validation samples; set valid_fraction in the benchmark, "
            "for example 0.1"
        )
    return _keep_the_first(sorted(settings, key=_rank))


def _keep_the_first(ordered: Sequence[Setting]) -> list[Setting]:
    """The same settings, the first of each strategy marked as the one to keep, if all its runs
    have finished.
    """
    seen: set[tuple[Table, str]] = set()
    marked = []
    for setting in ordered:
        strategy = (setting.table, setting.strategy)
        marked.append(replace(setting, kept=strategy not in seen and not _unusable(setting)))
        seen.add(strategy)
    return marked


def accuracy(records: Iterable[Record]) -> float:
    """Share of validation samples, over all experiences, that are right after the last one; NaN
    where there are none.
    """
    rows = [
        record for record in records if record.stream == "valid" and record.metric == "accuracy"
    ]
    if not rows:
        return math.nan
    # fsum is exact: the order of the rows cannot move the last bit, and with it the choice.
    return math.fsum(row.value * row.n for row in rows) / sum(row.n for row in rows)


def _rank(setting: Setting) -> tuple[Table, str, bool, float, str]:
    """What settings are sorted by: the best of each strategy first, those that are never kept
    last.
    """
    undefined = math.isnan(setting.accuracy.mean)
    value = 0.0 if undefined else -setting.accuracy.mean
    return setting.table, setting.strategy, _unusable(setting), value, setting.overrides


def _unusable(setting: Setting) -> bool:
    """Whether it is never kept: a run of it has failed, or nothing was measured on validation."""
    return setting.failed > 0 or math.isnan(setting.accuracy.mean)
