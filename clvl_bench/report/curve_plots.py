"""Plots of curves: a strategy's numbers over experiences, with a band of one deviation."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from clvl_bench.metrics.continual import Accuracies, Matrix
from clvl_bench.report.figures import PlottedTable, legend, line_style, new_axes, stacked, tidy

TOGETHER = 6
"""Lines with bands that a reader can tell apart in one picture."""

MOST_COLUMNS = 6
"""Panels beside each other."""

GREY = {"color": "#D0D0D0", "linewidth": 0.8}

OverTime = Callable[[Accuracies], Matrix]
"""What is drawn: a number after each experience [T]."""


@dataclass(frozen=True)
class Series:
    """A strategy over experiences: mean and deviation in percent where they are known."""

    strategy: str
    steps: NDArray[np.int64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def curves(table: PlottedTable, over_time: OverTime, title: str) -> Figure | None:
    """All strategies in one picture; or where bands would cover each other, each in a panel of its
    own before the others in grey.
    """
    found = list(_known_series(table, over_time))
    if not found:
        return None
    figure, panels = _panels(table, title, found)
    top = min(102.0, max(float((each.mean + each.std).max()) for each in found) + 3)
    last_step = max(int(each.steps.max()) for each in found)
    order = list(table.runs)
    level = any(len(each.steps) > 1 for each in found)
    for axes, in_colour in panels:
        if len(panels) > 1:
            for series in found:
                _line(axes, series, GREY, level=level)
        for series in in_colour:
            style = line_style(order.index(series.strategy))
            _line(axes, series, style, level=level, band=True, label=series.strategy)
        axes.set_xticks(range(1, 1 + last_step))
        axes.set_ylim(top=top)
    if len(panels) == 1:
        legend(panels[0][0])
    return figure


def _known_series(table: PlottedTable, over_time: OverTime) -> Iterator[Series]:
    """A series for each strategy whose number is defined after some experience."""
    for strategy, runs in table.runs.items():
        values = 100 * np.array([over_time(run) for run in runs])
        mean = values.mean(axis=0)
        std = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1])
        known = ~np.isnan(mean)
        if known.any():
            steps = np.arange(1, values.shape[1] + 1)
            yield Series(strategy, steps[known], mean[known], std[known])


Panel = tuple[Axes, Sequence[Series]]
"""The axes of a picture, and which series they are about."""


def _panels(table: PlottedTable, title: str, found: Sequence[Series]) -> tuple[Figure, list[Panel]]:
    if len(found) > TOGETHER:
        return _panel_each(table, title, found)
    figure, axes = new_axes(title, table.subtitle)
    axes.set_xlabel("experiences learned")
    axes.set_ylabel("percent")
    return figure, [(axes, found)]


def _panel_each(
    table: PlottedTable, title: str, found: Sequence[Series]
) -> tuple[Figure, list[Panel]]:
    titles = [stacked(series.strategy) for series in found]
    # A title of several lines takes its room from the panel below it, unless the panel is higher.
    most_breaks = max(text.count("\n") for text in titles)
    height = 1.7 + 0.12 * max(0, most_breaks - 1)
    columns = min(MOST_COLUMNS, len(found))
    rows = -(-len(found) // columns)
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
    figure.supxlabel(f"experiences learned\n{table.subtitle}", fontsize=8, color="#555555")
    for axes in grid.flat[len(found) :]:
        axes.set_visible(False)
    panels: list[Panel] = []
    for axes, text, series in zip(grid.flat, titles, found, strict=False):
        # Overrides are long: they get smaller letters.
        axes.set_title(text, fontsize=7 if "\n" in text else 8.5, loc="left")
        axes.tick_params(labelsize=7)
        tidy(axes)
        panels.append((axes, [series]))
    return figure, panels


def _line(
    axes: Axes,
    series: Series,
    style: dict[str, Any],
    *,
    level: bool,
    band: bool = False,
    label: str | None = None,
) -> None:
    """A curve. Where there are others, one number alone is a level line to hold them against: all
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
        low = series.mean - series.std
        high = series.mean + series.std
        axes.fill_between(series.steps, low, high, color=style["color"], alpha=0.15, linewidth=0)
