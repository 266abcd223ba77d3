"""Paired: the strategies of each table on the runs and test samples that they share, handed to the
statistics.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from clvl_bench.metrics.continual import last
from clvl_bench.report.matrices import of_records
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.statistics import Correct, Difference, differences, letters


@dataclass(frozen=True)
class Compared:
    """All pairs of a table, and the letters that sum them up."""

    differences: tuple[Difference, ...]
    letters: Mapping[str, str]


def paired(runs: Sequence[Run]) -> dict[Table, Compared]:
    """The comparison of each table that has at least two strategies with runs in common.

    A strategy whose Last is undefined in any run is left out: it did not answer, which is no
    accuracy of zero.
    """
    undefined = {
        (*run.origin.table, run.origin.strategy) for run in runs if run.records and _undefined(run)
    }
    tables: dict[Table, dict[str, dict[tuple[int, int], Correct]]] = {}
    for run in runs:
        origin = run.origin
        if run.correct is not None and (*origin.table, origin.strategy) not in undefined:
            of_strategy = tables.setdefault(origin.table, {}).setdefault(origin.strategy, {})
            of_strategy[origin.seed, origin.class_order] = run.correct
    found = {}
    for table, strategies in sorted(tables.items()):
        shared = sorted(
            set.intersection(*(set(of_strategy) for of_strategy in strategies.values()))
        )
        if len(strategies) > 1 and shared:
            correct = {
                name: np.stack([strategies[name][key] for key in shared])
                for name in sorted(strategies)
            }
            pairs = differences(correct)
            means = {name: float(right.mean()) for name, right in correct.items()}
            found[table] = Compared(tuple(pairs), letters(means, pairs))
    return found


def _undefined(run: Run) -> bool:
    return math.isnan(last(of_records(run.records)))


def differences_frame(compared: Mapping[Table, Compared]) -> pd.DataFrame:
    """One row a pair."""
    columns = [
        "benchmark",
        "label_space",
        "backbone",
        "a",
        "b",
        "mean",
        "low",
        "high",
        "p",
        "p_holm",
    ]
    rows = [
        {**dict(zip(columns, table, strict=False)), **asdict(pair)}
        for table, found in compared.items()
        for pair in found.differences
    ]
    return pd.DataFrame(rows, columns=columns).round(6)
