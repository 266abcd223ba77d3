"""Pseudo-labels class by class: how many of those that were said of a class are right, how many of
its samples were kept.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from clvl_bench.report.order import by_values
from clvl_bench.report.runs import Run

PRECISION = "class_pseudo_precision"
COVERAGE = "class_pseudo_coverage"
KEYS = ["benchmark", "label_space", "backbone", "strategy", "class"]


def pseudo_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a table, strategy and class: `precision`, `coverage`, and behind each the samples of
    all runs; how many `runs`. Empty where no run says anything of classes.
    """
    rows = []
    for run in runs:
        where = (*run.origin.table, run.origin.strategy)
        for record in run.records:
            if record.metric in (PRECISION, COVERAGE):
                # A rate times its samples is a count again, which can be summed over runs.
                counts = (record.value * record.n, record.n)
                rows.append((*where, record.dataset, record.metric, run.origin.key, *counts))
    if not rows:
        return pd.DataFrame()
    frame = pd.DataFrame(rows, columns=[*KEYS, "metric", "run", "right", "samples"])
    sums = frame.groupby([*KEYS, "metric"])[["right", "samples"]].sum()
    right = sums["right"].unstack("metric", fill_value=0)
    samples = sums["samples"].unstack("metric", fill_value=0)
    precision, precision_n = _rate(right, samples, PRECISION)
    coverage, coverage_n = _rate(right, samples, COVERAGE)
    columns = {
        "precision": precision,
        "precision_n": precision_n,
        "coverage": coverage,
        "coverage_n": coverage_n,
        "runs": frame.groupby(KEYS)["run"].nunique(),
    }
    return pd.DataFrame(columns).reset_index().sort_values(KEYS, key=by_values, ignore_index=True)


def _rate(
    right: pd.DataFrame, samples: pd.DataFrame, metric: str
) -> tuple["pd.Series[float]", "pd.Series[int]"]:
    """A rate of each class over all runs, and the samples behind it; NaN where there are none."""
    above = right.get(metric, pd.Series(0.0, index=right.index))
    below = samples.get(metric, pd.Series(0, index=samples.index))
    return above / below.astype(np.float64).replace(0.0, np.nan), below
