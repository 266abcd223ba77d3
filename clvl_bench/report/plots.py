"""Plots: what a reader looks at first: accuracy and forgetting over experiences, the domain against
the rest, the matrices.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clvl_bench.metrics.continual import Matrix, forgetting_so_far, seen_accuracy
from clvl_bench.report.curve_plots import curves
from clvl_bench.report.figures import Pictures, PlottedTable, file_name, new_axes, percent_label
from clvl_bench.report.matrices import Matrices
from clvl_bench.report.matrix_plots import matrix
from clvl_bench.report.point_plots import Point, draw_points
from clvl_bench.report.series import over_runs
from clvl_bench.report.stream_plots import STREAM_FIGURES

TableFigure = Callable[[PlottedTable], Figure | None]


def accuracy_curves(table: PlottedTable) -> Figure | None:
    title = "Accuracy on the experiences learned so far"
    return curves(table, seen_accuracy, title, (0.0, 100.0))


def forgetting_curves(table: PlottedTable) -> Figure | None:
    title = "Forgetting of the experiences learned so far"
    return curves(table, forgetting_so_far, title, (-100.0, 100.0))


def domain_and_heldout(table: PlottedTable) -> Figure | None:
    """What was won on the domain against what was kept of the held-out zero-shot accuracy, and
    where the untouched backbone stands.
    """
    first = next(iter(table.runs.values()))[0]
    if not first.heldout.size:
        return None
    points = [_end(table, strategy) for strategy in table.runs]
    known = [point for point in points if not np.isnan(point.at).any()]
    if not known:
        return None
    below = (
        f"{table.subtitle}; lines: one standard deviation of a run; dotted: Pareto front; "
        f"grey: beaten in both by another"
    )
    if table.references:
        below += "; diamonds: trained on more than the experience at hand"
    figure, axes = new_axes("Learned on the domain, kept of zero-shot", below)
    start = _untouched(first)
    ends = [
        np.add(point.at, np.multiply(sign, point.spread)) for point in known for sign in (-1, 1)
    ]
    lowest = _limits(axes, np.array([*ends, start]))
    axes.set_xlabel(percent_label("final accuracy on the stream's test sets, percent", lowest[0]))
    axes.set_ylabel(percent_label("final accuracy on held-out datasets, percent", lowest[1]))
    if not np.isnan(start).any():
        axes.axvline(start[0], color="#AAAAAA", linewidth=0.8, zorder=0)
        axes.axhline(start[1], color="#AAAAAA", linewidth=0.8, zorder=0)
        axes.plot(*start, marker="+", color="#141414", markersize=13, linestyle="", zorder=4)
    draw_points(axes, known, (+1, +1))
    return figure


def _end(table: PlottedTable, strategy: str) -> Point:
    """Where a strategy ends on the domain and on held-out datasets, in percent."""
    runs = table.runs[strategy]
    ends = 100 * np.array([(run.test[-1].mean(), run.heldout[-1].mean()) for run in runs])
    mean, std = over_runs(ends, table.places_of(strategy))
    return Point(
        table.label(strategy),
        (float(mean[0]), float(mean[1])),
        (float(std[0]), float(std[1])),
        reference=strategy in table.references,
    )


def _ends(points: Sequence[Point]) -> Iterator[Matrix]:
    """The two ends of each point's lines."""
    for point in points:
        yield np.subtract(point.at, point.spread)
        yield np.add(point.at, point.spread)


def _limits(axes: Axes, at: Matrix) -> tuple[float, float]:
    """Room around all points, and for names; gives the lower ends."""
    low, high = np.nanmin(at, axis=0), np.nanmax(at, axis=0)
    margin = np.maximum(1.0, 0.06 * (high - low))
    lowest = np.maximum(low - margin, -2.0)
    highest = high + margin
    axes.set_xlim(lowest[0], highest[0])
    axes.set_ylim(lowest[1], highest[1])
    return float(lowest[0]), float(lowest[1])


def _untouched(run: Matrices) -> tuple[float, float]:
    """Where the untouched backbone stands, in percent.

    It is tested on no experience where only seen classes are scored: NaN.
    """
    tested = run.test[0][~np.isnan(run.test[0])]
    on_domain = 100 * tested.mean() if len(tested) else np.nan
    return float(on_domain), float(100 * np.mean(run.heldout[0]))


TABLE_FIGURES: dict[str, TableFigure] = {
    "seen_accuracy": accuracy_curves,
    "forgetting": forgetting_curves,
    "domain_and_heldout": domain_and_heldout,
    **STREAM_FIGURES,
}
"""The pictures of a table, by the names of their files. A new one is a function and a line here."""


def draw(table: PlottedTable, *, matrices: bool = True) -> Pictures:
    """All plots of a table with their names; with or without a picture of each strategy's accuracy
    matrix.

    One figure is open at a time: a figure that is open keeps its memory.
    """
    figures = dict(TABLE_FIGURES)
    if matrices:
        for strategy, runs in table.runs.items():
            figures[f"matrix_{file_name(strategy)}"] = partial(matrix, strategy=strategy, runs=runs)
    yield from _made(table, figures)


def _made(table: PlottedTable, figures: dict[str, TableFigure]) -> Iterator[tuple[str, Figure]]:
    for name, make in figures.items():
        figure = make(table)
        if figure is not None:
            yield name, figure
