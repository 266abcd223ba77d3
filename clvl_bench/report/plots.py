"""Plots: what a reader looks at first: accuracy and forgetting over experiences, the domain against
the rest, the matrices.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clvl_bench.metrics.continual import Matrix, forgetting_so_far, seen_accuracy
from clvl_bench.report.curve_plots import curves
from clvl_bench.report.figures import PlottedTable, colour, file_name, legend, mark, new_axes, png
from clvl_bench.report.matrices import Matrices
from clvl_bench.report.matrix_plots import matrix
from clvl_bench.report.stream_plots import STREAM_FIGURES

TableFigure = Callable[[PlottedTable], Figure | None]


def accuracy_curves(table: PlottedTable) -> Figure | None:
    return curves(table, seen_accuracy, "Accuracy on the experiences learned so far")


def forgetting_curves(table: PlottedTable) -> Figure | None:
    return curves(table, forgetting_so_far, "Forgetting of the experiences learned so far")


def domain_and_heldout(table: PlottedTable) -> Figure | None:
    """What was won on the domain against what was kept of the held-out zero-shot accuracy, from the
    untouched backbone on.
    """
    first = next(iter(table.runs.values()))[0]
    if not first.heldout.size:
        return None
    figure, axes = new_axes("Learned on the domain, kept of zero-shot", table.subtitle)
    start = _untouched(first)
    for number, (strategy, runs) in enumerate(table.runs.items()):
        ends = [(run.test[-1].mean(), run.heldout[-1].mean()) for run in runs]
        _point(axes, number, strategy, 100 * np.array(ends), start)
    if not np.isnan(start).any():
        grey = "#555555"
        name = "untouched backbone"
        axes.plot(*start, marker="+", color=grey, markersize=12, linestyle="", label=name)
    axes.margins(0.12)
    axes.set_xlabel("final accuracy on the stream's test sets, percent")
    axes.set_ylabel("final accuracy on held-out datasets, percent")
    legend(axes)
    return figure


def _untouched(run: Matrices) -> tuple[float, float]:
    """Where the untouched backbone stands, in percent.

    It is tested on no experience where only seen classes are scored: NaN.
    """
    tested = run.test[0][~np.isnan(run.test[0])]
    on_domain = 100 * tested.mean() if len(tested) else np.nan
    return float(on_domain), float(100 * np.mean(run.heldout[0]))


def _point(
    axes: Axes, number: int, strategy: str, ends: Matrix, start: tuple[float, float]
) -> None:
    """A strategy's mean over runs [runs, 2], one deviation either way, and an arrow to it."""
    x, y = ends.mean(axis=0)
    spread = ends.std(axis=0, ddof=1) if len(ends) > 1 else np.zeros(2)
    painted = colour(number)
    # An arrow shorter than half a percent point would be all head.
    if not np.isnan(start).any() and np.hypot(x - start[0], y - start[1]) > 0.5:
        arrow = {"arrowstyle": "->", "color": painted, "alpha": 0.5}
        axes.annotate("", (x, y), start, arrowprops=arrow)
    axes.errorbar(
        x, y, xerr=spread[0], yerr=spread[1], fmt="none", color=painted, capsize=2, linewidth=1
    )
    sign = mark(number)
    axes.plot(x, y, marker=sign, color=painted, markersize=7, linestyle="", label=strategy)


TABLE_FIGURES: dict[str, TableFigure] = {
    "seen_accuracy.png": accuracy_curves,
    "forgetting.png": forgetting_curves,
    "domain_and_heldout.png": domain_and_heldout,
    **STREAM_FIGURES,
}
"""The pictures of a table, by the names of their files. A new one is a function and a line here."""


def draw(table: PlottedTable, *, matrices: bool = True) -> Iterator[tuple[str, bytes]]:
    """All plots of a table, as PNG files with their names; with or without a picture of each
    strategy's accuracy matrix.

    One figure is open at a time: a figure that is open keeps its memory.
    """
    figures = dict(TABLE_FIGURES)
    if matrices:
        for strategy, runs in table.runs.items():
            figures[f"matrix_{file_name(strategy)}.png"] = partial(
                matrix, strategy=strategy, runs=runs
            )
    for name, make in figures.items():
        figure = make(table)
        if figure is not None:
            yield name, png(figure)
