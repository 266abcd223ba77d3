"""Best: of each table and metric the best strategy, and which others cannot be told apart from it.

For the accuracy at the end that is what the comparison of all pairs says (`paired`): it knows every
test sample. Any other metric is a number a run: its differences from the best are tested over class
orders and seeds, on the runs that both have, with Holm's correction over these comparisons.

Training that saw more than its experience (all of the stream, or all of it so far) is what others
are measured against: it is never called the best.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from clvl_bench.metrics.continual import METRICS
from clvl_bench.metrics.online import STREAM
from clvl_bench.report.design import Design, RunAt, design, estimate
from clvl_bench.report.further import LAST, last_numbers
from clvl_bench.report.matrices import of_records
from clvl_bench.report.paired import Compared
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.statistics import LEVEL, holm, p_values
from clvl_bench.report.streams import stream_numbers

BETTER: dict[str, int] = {
    **{name: metric.better for name, metric in METRICS.items()},
    **{name: metric.better for name, metric in STREAM.items()},
    **{name: metric.better for name, metric in LAST.items()},
}
"""Which way is better, of every metric: +1, -1, or 0 where it is no merit."""

Numbers = Mapping[str, Mapping[RunAt, float]]
"""One metric: of each strategy its value in each run."""


@dataclass(frozen=True)
class Best:
    """The best strategy of a table in one metric, and those that cannot be told apart from it."""

    strategy: str
    alike: frozenset[str] = frozenset()


def best_of_tables(
    runs: Sequence[Run], compared: Mapping[Table, Compared]
) -> dict[Table, dict[str, Best]]:
    """For each table and each metric that has a better way; without an entry where no strategy has
    the number in all of its runs.
    """
    found: dict[Table, dict[str, Best]] = {}
    for table, by_metric in _numbers(runs).items():
        of_table = found.setdefault(table, {})
        for metric, numbers in by_metric.items():
            best = best_of(numbers, BETTER[metric])
            if metric == "last" and best is not None and table in compared:
                best = Best(best.strategy, _alike_in_pairs(best.strategy, compared[table], numbers))
            if best is not None:
                of_table[metric] = best
    return found


def best_of(numbers: Numbers, better: int) -> Best | None:
    """The best strategy, and which of the others no test tells apart from it.

    None where there is nothing to choose from. A strategy whose number is undefined in any run
    takes no part. One that has no two runs in common with the best cannot be tested: it is neither
    told apart nor called alike.

    Example:
        >>> runs = [RunAt(order, order) for order in range(4)]
        >>> one = dict(zip(runs, (0.90, 0.91, 0.90, 0.91)))
        >>> two = dict(zip(runs, (0.50, 0.51, 0.50, 0.52)))
        >>> best_of({"one": one, "two": two}, +1)
        Best(strategy='one', alike=frozenset())
    """
    means = {name: _mean(values) for name, values in numbers.items()}
    known = {name: better * mean for name, mean in means.items() if not math.isnan(mean)}
    # Where all have the same number, as the untouched backbone's, there is no best.
    if len(set(known.values())) < 2:
        return None
    best = min(known, key=lambda name: (-known[name], name))
    tested: dict[str, float] = {}
    for name in known:
        p = _p_of_difference(numbers[best], numbers[name])
        if name != best and not math.isnan(p):
            tested[name] = p
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    return Best(best, frozenset(name for name, p in corrected.items() if p >= LEVEL))


def references(runs: Sequence[Run]) -> dict[Table, frozenset[str]]:
    """The strategies of each table that train on more than the experience at hand."""
    found: dict[Table, set[str]] = {}
    for run in runs:
        if run.origin.train_data not in ("", "experience"):
            found.setdefault(run.origin.table, set()).add(run.origin.strategy)
    return {table: frozenset(names) for table, names in found.items()}


def _numbers(runs: Sequence[Run]) -> dict[Table, dict[str, dict[str, dict[RunAt, float]]]]:
    """By table, metric, strategy and run."""
    seen_more = references(runs)
    found: dict[Table, dict[str, dict[str, dict[RunAt, float]]]] = {}
    for run in runs:
        origin = run.origin
        if not run.records or origin.strategy in seen_more.get(origin.table, frozenset()):
            continue
        values = of_records(run.records).per_run() | stream_numbers(run.records)
        values |= last_numbers(run.records)
        of_table = found.setdefault(origin.table, {})
        for metric, value in values.items():
            if BETTER[metric]:
                of_strategy = of_table.setdefault(metric, {}).setdefault(origin.strategy, {})
                of_strategy[RunAt(origin.class_order, origin.seed)] = value
    return found


def _alike_in_pairs(best: str, compared: Compared, numbers: Numbers) -> frozenset[str]:
    """What the comparison of all pairs does not tell apart from the best."""
    alike = set()
    for pair in compared.differences:
        if best in (pair.a, pair.b) and pair.runs and not pair.p_holm < LEVEL:
            alike.add(pair.b if pair.a == best else pair.a)
    return frozenset(alike & set(numbers))


def _mean(values: Mapping[RunAt, float]) -> float:
    """Every class order counts alike; NaN as soon as one value is."""
    per_order: dict[int, list[float]] = {}
    for run, value in values.items():
        per_order.setdefault(run.class_order, []).append(value)
    return math.fsum(math.fsum(each) / len(each) for each in per_order.values()) / len(per_order)


def _p_of_difference(one: Mapping[RunAt, float], other: Mapping[RunAt, float]) -> float:
    """Two-sided p of no difference over class orders and seeds; NaN for a single run with one."""
    common = tuple(sorted(one.keys() & other.keys()))
    differences = np.array([[one[run] - other[run] for run in common]])
    if common and not differences.any():
        return 1.0
    if len(common) < 2:
        return math.nan
    known = estimate(_design(common), differences)
    # Where the difference is the same in all runs, orders are the draws that agree.
    draws = len({run.class_order for run in common})
    return float(p_values(known, draws if draws > 1 else len(common))[0])


@lru_cache(maxsize=64)
def _design(runs: tuple[RunAt, ...]) -> Design:
    return design(runs)
