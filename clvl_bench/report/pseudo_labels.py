"""Pseudo-labels class by class: how many of those that were said of a class are right, how many of
its samples were kept.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from clvl_bench.report.order import by_values
from clvl_bench.report.runs import Run

RATES = ("class_pseudo_precision", "class_pseudo_coverage")


def pseudo_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a table, strategy and class: `precision`, `coverage`, and behind each the samples of
    all runs; how many `runs`. Empty where no run says anything of classes.
    """
    rows = [
        (
            *origin.table,
            origin.strategy,
            record.dataset,
            record.metric,
            origin.key,
            record.value * record.n,
            record.n,
        )
        for origin, records in ((run.origin, run.records) for run in runs)
        for record in records
        if record.metric in RATES
    ]
    if not rows:
        return pd.DataFrame()
    keys = ["benchmark", "label_space", "backbone", "strategy", "class"]
    frame = pd.DataFrame(rows, columns=[*keys, "metric", "run", "above", "below"])
    sums = (
        frame.groupby([*keys, "metric"])[["above", "below"]].sum().unstack("metric", fill_value=0)
    )
    parts = {}
    for metric, name in zip(RATES, ("precision", "coverage"), strict=True):
        below = sums["below"].get(metric, pd.Series(0, index=sums.index))
        parts[name] = sums["above"].get(metric, pd.Series(0.0, index=sums.index)) / below.replace(
            0, np.nan
        )
        parts[f"{name}_n"] = below
    parts["runs"] = frame.groupby(keys)["run"].nunique()
    return pd.DataFrame(parts).reset_index().sort_values(keys, key=by_values, ignore_index=True)
