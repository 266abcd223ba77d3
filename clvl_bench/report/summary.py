"""Summary: runs -> one row a strategy, with mean, spread and number of runs of each number; and
which runs may be averaged.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.core.files import sha256
from clvl_bench.metrics.continual import METRICS
from clvl_bench.metrics.online import STREAM, recovered
from clvl_bench.report.ceilings import ceilings, shown
from clvl_bench.report.design import RunAt, independent_spread
from clvl_bench.report.further import LAST, last_numbers
from clvl_bench.report.matrices import of_records
from clvl_bench.report.order import by_values
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.statistics import over_streams
from clvl_bench.report.streams import stream_numbers

COSTS: dict[str, str] = {
    "train_seconds": "Train s",
    "trained_parameters": "Trained",
    "kept_bytes": "Kept bytes",
    "memory_samples": "Samples",
    "peak_memory_mib": "Peak MiB",
}
TRANSDUCTIVE = "transductive"
"""The metric that marks a run whose predictions depend on each other."""
GROUP = ("benchmark", "label_space", "backbone", "strategy")


@dataclass(frozen=True)
class Cell:
    """A number over runs: mean, standard deviation of a single run, how many runs it is of, and how
    sure the mean is.

    `std` is NaN for one run, and so is `half`, half the width of the mean's 95 % interval over
    class orders and seeds.
    """

    mean: float
    std: float
    n: int
    half: float = math.nan


def per_run(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a run: coordinates, every metric, costs."""
    rows = []
    for run in runs:
        row: dict[str, Any] = {
            name: getattr(run.origin, name)
            for name in (*GROUP, "seed", "class_order", "state", "reason")
        }
        row["result"] = None
        if run.records:
            row["result"] = _outcome(run)
            row |= of_records(run.records).per_run() | stream_numbers(run.records)
            row |= last_numbers(run.records)
            row |= {
                name: getattr(run.origin, name) for name in ("train_seconds", "peak_memory_mib")
            }
            costs = [record for record in run.records if record.metric in COSTS]
            row |= {record.metric: record.value for record in costs}
        rows.append(row)
    return pd.DataFrame(rows)


def summary(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a strategy: for each metric and cost `<name>_mean` and `<name>_std`, for each metric
    `<name>_half`, and `runs`, `failed`, `n`.

    `streams` is the number of class orders among the runs that finished, `results` that of
    different outcomes: a deterministic method has as many as there are orders, however many seeds
    it was run with.

    A failed run is counted and never averaged; a metric that is undefined in any run is undefined
    in the mean. `joint` is what joint training of the same adapter reaches, `of_joint` the share of
    its gain over zero-shot (see `ceilings`).

    Raises:
        Mistake: runs over part of the data beside runs over all of it, or over different data or
            weights.
    """
    refuse_mixtures(runs)
    frame = per_run(runs)
    marked = _transductive(runs)
    rows = []
    for group, part in frame.groupby(list(GROUP)):
        done = part[part["state"] == "done"]
        row: dict[str, Any] = dict(zip(GROUP, group, strict=True))
        failed = part[part["state"] != "done"]
        reasons = sorted({reason.partition(":")[0] for reason in failed["reason"]})
        row |= {
            "runs": len(part),
            "failed": len(failed),
            "n": len(done),
            "reasons": ", ".join(reasons),
        }
        row |= {"streams": done["class_order"].nunique(), "results": done["result"].nunique()}
        where = [
            RunAt(order, seed)
            for order, seed in zip(done["class_order"], done["seed"], strict=True)
        ]
        recorded = [name for name in (*STREAM, *LAST) if name in frame]
        for name in (*METRICS, *COSTS, *recorded):
            cell = over_runs(done[name].tolist(), where) if name in done else over_runs([])
            row |= {f"{name}_mean": cell.mean, f"{name}_std": cell.std}
            if name in METRICS or name in LAST:
                row[f"{name}_half"] = cell.half
        if marked:
            row[TRANSDUCTIVE] = group in marked
        rows.append(row)
    return _beside_joint(pd.DataFrame(rows).sort_values(list(GROUP), key=by_values), runs)


def _transductive(runs: Sequence[Run]) -> set[tuple[str, ...]]:
    """The groups whose predictions depend on each other."""
    marked = set()
    for run in runs:
        if any(record.metric == TRANSDUCTIVE for record in run.records):
            marked.add(tuple(getattr(run.origin, name) for name in GROUP))
    return marked


def _beside_joint(frame: pd.DataFrame, runs: Sequence[Run]) -> pd.DataFrame:
    """The rows that are shown, with what joint training of their adapters reaches."""
    groups = [
        ((row["benchmark"], row["label_space"], row["backbone"]), row["strategy"])
        for _, row in frame.iterrows()
    ]
    found = ceilings(dict(zip(groups, frame["last_mean"], strict=True)), runs)
    adapters = {
        (run.origin.table, run.origin.strategy): run.origin.adapter_sha256
        for run in runs
        if run.records
    }
    frame["joint"] = [
        found.get((table, adapters.get((table, strategy), "")), math.nan)
        for table, strategy in groups
    ]
    columns = (frame["last_mean"], frame["zeroshot_mean"], frame["joint"])
    frame["of_joint"] = [recovered(*numbers) for numbers in zip(*columns, strict=True)]
    rows = {(run.origin.table, run.origin.strategy) for run in shown(runs)}
    return frame[[group in rows for group in groups]].reset_index(drop=True)


def sorted_by(frame: pd.DataFrame, metric: str | None) -> pd.DataFrame:
    """The rows of each table by a metric or a cost, the best first and the undefined last; as they
    are without one.

    Raises:
        Mistake: no column is of that name.
    """
    if metric is None:
        return frame
    column = f"{metric}_mean"
    if column not in frame:
        columns = map(str, frame.columns)
        known = [name.removesuffix("_mean") for name in columns if name.endswith("_mean")]
        raise Mistake(unknown("metric", metric, known))
    order = frame[column].sort_values(
        ascending=_better(metric) < 0, kind="stable", na_position="last"
    )
    tables = list(GROUP[:-1])
    ranked = frame.loc[order.index]
    return ranked.sort_values(tables, key=by_values, kind="stable").reset_index(drop=True)


def _better(metric: str) -> int:
    """Which way is better; of costs less is."""
    if metric in METRICS:
        return METRICS[metric].better
    if metric in LAST:
        return LAST[metric].better
    return STREAM[metric].better if metric in STREAM else -1


def over_runs(values: Sequence[float], runs: Sequence[RunAt] | None = None) -> Cell:
    """Mean and spread; NaN as soon as one value is: pandas would quietly average the rest.

    Args:
        runs: where the values stand; without it each is a stream of its own. Class orders count
            alike, so that the mean is
            that over orders of the means over seeds.
    """
    if not values or any(math.isnan(value) for value in values):
        return Cell(math.nan, math.nan, len(values))
    where = [RunAt(place, place) for place in range(len(values))] if runs is None else runs
    if len(set(where)) < len(
        where
    ):  # the same run recorded under two names: nothing says which one to believe
        where = [RunAt(run.class_order, place) for place, run in enumerate(where)]
    sure = over_streams(values, where)
    per_order: dict[int, list[float]] = {}
    for value, run in zip(values, where, strict=True):
        per_order.setdefault(run.class_order, []).append(value)
    means = [math.fsum(of_order) / len(of_order) for of_order in per_order.values()]
    return Cell(
        math.fsum(means) / len(means), independent_spread(values, where), len(values), sure.half
    )


def _outcome(run: Run) -> str:
    """Equal for runs with equal results: which test samples were right at the end, or else all
    accuracies.
    """
    if run.correct is not None:
        return sha256(np.packbits(run.correct).tobytes())
    rows = [
        (row.stream, row.trained, row.experience, row.value)
        for row in run.records
        if row.metric == "accuracy"
    ]
    return sha256(repr((run.origin.class_order, rows)).encode())


def refuse_mixtures(runs: Sequence[Run]) -> None:
    """Numbers that cannot stand in one table.

    Raises:
        Mistake: names what differs.
    """
    for what, field in (
        ("--limit", "limit"),
        (
            "prompts",
            "prompts_sha256",
        ),  # before the data, whose fingerprints hold the class names too
        ("data", "data_sha256"),
        ("weights", "weights_sha256"),
        ("precisions", "precision"),
    ):
        by_table: dict[Table, set[str]] = {}
        for run in runs:
            if run.origin.state == "done":
                by_table.setdefault(run.origin.table, set()).add(getattr(run.origin, field))
        for table, values in by_table.items():
            if len(values) > 1:
                shown = ", ".join(sorted(value or "none" for value in values))
                raise Mistake(
                    f"{' '.join(table)}: runs with different {what} ({shown}) cannot stand in one "
                    f"table; report them apart"
                )


def mixture(runs: Sequence[Run]) -> str:
    """A line that says which weights are behind numbers where there are several, teachers and
    answerers among them.
    """
    done = [run.origin for run in runs if run.origin.state == "done"]
    weights = {
        f"{origin.backbone} ({origin.family or 'family not recorded'}) {origin.weights_sha256[:8]}"
        for origin in done
    }
    others = {f"{origin.teacher}, as teacher" for origin in done if origin.teacher}
    others |= {f"{origin.answerer}, as answerer" for origin in done if origin.answerer}
    if len(weights) + len(others) < 2:
        return ""
    return (
        f"Weights differ: {'; '.join(sorted(weights | others))}. What differs between them may "
        f"be due to their pre-training."
    )
