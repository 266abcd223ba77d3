"""Plots: what a reader looks at first: accuracy and forgetting over experiences, the domain against
the rest, the matrices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from clvl_bench.report import stream_plots
from clvl_bench.report.figures import (
    Group,
    colour,
    file_name,
    legend,
    line_style,
    mark,
    new_axes,
    png,
    stacked,
    tidy,
)
from clvl_bench.report.matrices import Matrices

TOGETHER = 6
"""Lines with bands that a reader can tell apart in one picture."""


def draw(group: Group, *, matrices: bool = True) -> dict[str, bytes]:
    """All plots of a table, as PNG files by name; with or without a picture of each strategy's
    accuracy matrix.
    """
    figures: dict[str, Callable[[], Figure | None]] = {
        "seen_accuracy.png": lambda: curves(
            group, "seen_accuracy", "Accuracy on the experiences learned so far"
        ),
        "forgetting.png": lambda: curves(
            group, "forgetting_so_far", "Forgetting of the experiences learned so far"
        ),
        "domain_and_heldout.png": lambda: domain_and_heldout(group),
        **stream_plots.figures(group),
    }
    if matrices:
        figures |= {
            f"matrix_{file_name(name)}.png": partial(matrix, group, name, runs)
            for name, runs in group.runs.items()
        }
    # One at a time: a figure that is open keeps its memory.
    return {name: png(figure) for name, make in figures.items() if (figure := make()) is not None}


@dataclass(frozen=True)
class Series:
    """A strategy over experiences: mean and deviation in percent where they are known."""

    strategy: str
    steps: NDArray[np.int64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def curves(group: Group, what: str, title: str) -> Figure | None:
    """A strategy's numbers over experiences, with a band of one deviation: all in one picture, or
    where bands would cover each other, each in a panel of its own before the others in grey.
    """
    found = [
        series
        for strategy, runs in group.runs.items()
        if (series := _series(strategy, runs, what)) is not None
    ]
    if not found:
        return None
    figure, panels = _panels(group, title, found)
    top = min(102.0, max(float((each.mean + each.std).max()) for each in found) + 3)
    order, level = list(group.runs), any(len(each.steps) > 1 for each in found)
    for axes, shown in panels:
        for series in found if len(panels) > 1 else ():
            _line(axes, series, {"color": "#D0D0D0", "linewidth": 0.8}, level=level)
        for series in shown:
            _line(
                axes,
                series,
                line_style(order.index(series.strategy)),
                level=level,
                band=True,
                label=series.strategy,
            )
        axes.set_xticks(range(1, 1 + max(int(each.steps.max()) for each in found)))
        axes.set_ylim(top=top)
    if len(panels) == 1:
        legend(panels[0][0])
    return figure


def _series(strategy: str, runs: Sequence[Matrices], what: str) -> Series | None:
    values = 100 * np.array([getattr(matrices, what)() for matrices in runs])
    mean, std = (
        values.mean(axis=0),
        values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1]),
    )
    known = ~np.isnan(mean)
    steps = np.arange(1, values.shape[1] + 1)[known]
    return Series(strategy, steps, mean[known], std[known]) if known.any() else None


def _panels(
    group: Group, title: str, found: Sequence[Series]
) -> tuple[Figure, list[tuple[Axes, Sequence[Series]]]]:
    """The axes of a picture, and which series each of them is about."""
    if len(found) <= TOGETHER:
        figure, axes = new_axes(title, group.subtitle)
        axes.set_xlabel("experiences learned")
        axes.set_ylabel("percent")
        return figure, [(axes, found)]
    columns = min(6, len(found))
    rows, titles = -(-len(found) // columns), [stacked(series.strategy) for series in found]
    height = 1.7 + 0.12 * max(0, max(text.count("\n") for text in titles) - 1)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(1.9 * columns, 1.0 + height * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    figure.supylabel("percent", fontsize=9)
    figure.supxlabel(f"experiences learned\n{group.subtitle}", fontsize=8, color="#555555")
    for axes in grid.flat[len(found) :]:
        axes.set_visible(False)
    for axes, text in zip(grid.flat, titles, strict=False):
        axes.set_title(
            text, fontsize=8.5 if "\n" not in text else 7, loc="left"
        )  # overrides are long
        axes.tick_params(labelsize=7)
        tidy(axes)
    return figure, [(axes, [series]) for axes, series in zip(grid.flat, found, strict=False)]


def _line(
    axes: Axes,
    series: Series,
    style: dict[str, Any],
    *,
    level: bool,
    band: bool = False,
    label: str | None = None,
) -> None:
    """A curve; where there are others, one number alone is a level line to hold them against: all
    was trained on at once.
    """
    if level and len(series.steps) == 1 and series.steps[0] > 1:
        axes.axhline(
            series.mean[0],
            linestyle="-.",
            color=style["color"],
            linewidth=style.get("linewidth", 1.2),
            label=label,
        )
        return
    axes.plot(series.steps, series.mean, **style, label=label)
    if band:
        low, high = series.mean - series.std, series.mean + series.std
        axes.fill_between(series.steps, low, high, color=style["color"], alpha=0.15, linewidth=0)


def domain_and_heldout(group: Group) -> Figure | None:
    """What was won on the domain against what was kept of the held-out zero-shot accuracy, from the
    untouched backbone on.
    """
    first = next(iter(group.runs.values()))[0]
    if not first.heldout.size:
        return None
    figure, axes = new_axes("Learned on the domain, kept of zero-shot", group.subtitle)
    tested = first.test[0][~np.isnan(first.test[0])]  # none where only seen classes are scored
    start = (100 * tested.mean() if len(tested) else np.nan, 100 * np.mean(first.heldout[0]))
    for number, (strategy, runs) in enumerate(group.runs.items()):
        points = 100 * np.array(
            [(matrices.test[-1].mean(), matrices.heldout[-1].mean()) for matrices in runs]
        )
        (x, y), painted = points.mean(axis=0), colour(number)
        spread = points.std(axis=0, ddof=1) if len(points) > 1 else np.zeros(2)
        if not np.isnan(start).any() and np.hypot(x - start[0], y - start[1]) > 0.5:
            axes.annotate(
                "", (x, y), start, arrowprops={"arrowstyle": "->", "color": painted, "alpha": 0.5}
            )
        axes.errorbar(
            x, y, xerr=spread[0], yerr=spread[1], fmt="none", color=painted, capsize=2, linewidth=1
        )
        axes.plot(
            x, y, marker=mark(number), color=painted, markersize=7, linestyle="", label=strategy
        )
    if not np.isnan(start).any():
        axes.plot(
            *start,
            marker="+",
            color="#555555",
            markersize=12,
            linestyle="",
            label="untouched backbone",
        )
    axes.margins(0.12)
    axes.set_xlabel("final accuracy on the stream's test sets, percent")
    axes.set_ylabel("final accuracy on held-out datasets, percent")
    legend(axes)
    return figure


def matrix(group: Group, strategy: str, runs: Sequence[Matrices]) -> Figure:
    """Mean accuracy after t experiences (rows, the untouched backbone on top) on each experience
    and held-out dataset.
    """
    test = 100 * np.mean([matrices.test for matrices in runs], axis=0)
    heldout = 100 * np.mean([matrices.heldout for matrices in runs], axis=0)
    cells = np.concatenate([test, heldout], axis=1)
    learned, columns = test.shape[1], cells.shape[1]
    figure, axes = plt.subplots(
        figsize=(2.4 + 0.62 * columns, 2.0 + 0.42 * len(cells)), layout="constrained"
    )
    axes.imshow(cells, vmin=0, vmax=100, cmap="viridis", aspect="auto")
    for row, column in np.ndindex(cells.shape):
        value = cells[row, column]
        text = "" if np.isnan(value) else f"{value:.0f}"
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            color="black" if value > 55 else "white",
            fontsize=9,
        )
    for t in range(1, len(cells)):  # what is being learned
        if not np.isnan(cells[t, t - 1]):
            axes.add_patch(
                Rectangle((t - 1.5, t - 0.5), 1, 1, fill=False, edgecolor="#D55E00", linewidth=1.6)
            )
    axes.axhline(0.5, color="white", linewidth=3)
    axes.axvline(learned - 0.5, color="white", linewidth=3)
    axes.set_yticks(range(len(cells)), ["untouched", *(f"after {t}" for t in range(1, len(cells)))])
    names = [*(str(number) for number in range(1, learned + 1)), *runs[0].heldout_names]
    axes.set_xticks(
        range(columns),
        names,
        rotation=30 if runs[0].heldout_names else 0,
        ha="right" if runs[0].heldout_names else "center",
    )
    axes.set_xlabel(
        "tested on experience, then on held-out datasets"
        if runs[0].heldout_names
        else "tested on experience"
    )
    name, *overrides = stacked(strategy).split("\n")
    title = "\n".join([f"{name}: accuracy in percent", *overrides])
    axes.set_title(
        title, fontsize=11 if not overrides else 9, loc="left" if overrides else "center"
    )
    figure.supxlabel(group.subtitle.replace("; ", ";\n"), fontsize=8, color="#555555")
    return figure
