"""Strategies: what a page says of one strategy of a table."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from clvl_bench.metrics.continual import Matrix, forgetting_so_far, seen_accuracy
from clvl_bench.report.figures import PlottedTable
from clvl_bench.report.matrices import Matrices
from clvl_bench.report.page.class_counts import ClassCounts, told
from clvl_bench.report.page.commands import command_of, facts_of
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Run
from clvl_bench.report.series import known_series

Content = dict[str, Any]

MOST_ORDERS = 6
"""Class orders whose matrices are shown one by one."""


def strategy_content(
    data: ReportData,
    row: Any,
    runs: Sequence[Run],
    plotted: PlottedTable,
    counts: ClassCounts | None,
) -> Content:
    name = row["strategy"]
    finished = [run for run in runs if run.records]
    told_of: Content = {
        "name": name,
        "reference": name in plotted.references,
        "n": int(row["n"]),
        "runs": int(row["runs"]),
        "reasons": row["reasons"],
        "orders": int(row["streams"]),
        "results": int(row["results"]),
        "finished": [_run(run) for run in finished],
    }
    if not finished:
        return told_of
    found = data.configuration(finished[0])
    return {
        **told_of,
        "curves": {
            "accuracy": _curve(plotted, name, "accuracy"),
            "forgetting": _curve(plotted, name, "forgetting"),
        },
        "at_once": name in plotted.at_once,
        "matrix": _matrices(plotted, name),
        "classes": None if counts is None else told(counts.confusion),
        "command": command_of(finished[0].origin),
        "facts": facts_of(finished[0].origin),
        "config": None if found is None else _own_settings(found.shown),
    }


def _own_settings(shown: Mapping[str, Any]) -> Content:
    """What a strategy's runs have beside the benchmark, which all of a table share."""
    left_out = ("benchmark_config", "seed")
    return {name: value for name, value in shown.items() if name not in left_out}


def _run(run: Run) -> list[Any]:
    """Id, class order, seed, seconds of training and of testing."""
    origin = run.origin
    seconds = (round(origin.train_seconds, 1), round(origin.evaluate_seconds, 1))
    return [origin.run, origin.class_order, origin.seed, *seconds]


CURVES = {"accuracy": seen_accuracy, "forgetting": forgetting_so_far}


def _curve(plotted: PlottedTable, name: str, what: str) -> list[list[float | None]]:
    """Experiences learned, mean and deviation of a run, in percent; empty where undefined."""
    alone = PlottedTable(
        plotted.table, {name: plotted.runs[name]}, places={name: plotted.places_of(name)}
    )
    for series in known_series(alone, CURVES[what]):
        return [series.steps.tolist(), rounded(series.mean), rounded(series.std)]
    return []


def _matrices(plotted: PlottedTable, name: str) -> Content:
    """The mean over runs, and where class orders differ that of each, in percent; held-out datasets
    behind the experiences.
    """
    by_order: dict[int, list[Matrices]] = {}
    for run, place in zip(plotted.runs[name], plotted.places_of(name), strict=True):
        by_order.setdefault(place.class_order, []).append(run)
    means = {order: _mean(runs) for order, runs in by_order.items()}
    content: Content = {"mean": _cells(np.mean(list(means.values()), axis=0))}
    content["orders"] = {str(order): _cells(means[order]) for order in sorted(means)[:MOST_ORDERS]}
    if len(means) == 1:
        content["orders"] = {str(order): content["mean"] for order in means}
    return content


def _mean(runs: Sequence[Matrices]) -> Matrix:
    cells = [np.concatenate([run.test, run.heldout], axis=1) for run in runs]
    mean: Matrix = 100 * np.mean(cells, axis=0)
    return mean


def _cells(matrix: Matrix) -> list[list[float | None]]:
    return [rounded(row, 1) for row in matrix]


def rounded(values: Iterable[float], decimals: int = 2) -> list[float | None]:
    """JSON has no NaN: undefined is null."""
    found = []
    for value in values:
        number = float(value)
        found.append(None if not math.isfinite(number) else round(number, decimals))
    return found
