"""Plots of curves: a strategy's numbers over experiences, with a band of one deviation of a run."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clvl_bench.report.figures import (
    PlottedTable,
    layers,
    legend,
    line_style,
    new_axes,
    percent_label,
    stacked,
    tidy,
    widened,
    wrapped,
)
from clvl_bench.report.series import OverTime, Series, known_series

TOGETHER = 6
"""Lines with bands that a reader can tell apart in one picture."""

MOST_COLUMNS = 6
"""Panels beside each other."""

OTHERS = {"color": "#D0D0D0", "linewidth": 0.8}

BAND = "band: one standard deviation of a run"

Bounds = tuple[float, float]
"""The lowest and the highest value that there can be, in percent: no band leaves them."""


def curves(table: PlottedTable, over_time: OverTime, title: str, bounds: Bounds) -> Figure | None:
    """All strategies in one picture; or where bands would cover each other, each in a panel of its
    own before the others in grey.

    What learned the whole stream at once is a level line to hold the others against. What was
    undefined until the last experience is a point there, and not such a line. A stream of one
    experience has no curves.
    """
    if table.at_one_time:
        return None
    found = list(known_series(table, over_time))
    if not found:
        return None
    figure, panels = _panels(table, title, found)
    last_step = max(int(each.steps.max()) for each in found)
    order = list(table.runs)
    beside_curves = any(len(each.steps) > 1 for each in found)
    level = table.at_once if beside_curves else frozenset()
    on_top = layers([each.mean for each in found])
    rims = {series.strategy: rim for series, rim in zip(found, on_top, strict=True)}
    for axes, in_colour in panels:
        if len(panels) > 1:
            for series in found:
                _line(axes, series, OTHERS, level=series.strategy in level)
        for series in in_colour:
            style = line_style(order.index(series.strategy))
            if len(panels) == 1:
                style = widened(style, rims[series.strategy])
            _band(axes, series, style["color"], bounds)
            _line(
                axes,
                series,
                style,
                level=series.strategy in level,
                label=table.label(series.strategy),
            )
            _say_undefined(axes, series, last_step, alone=len(panels) > 1)
        axes.set_xticks(range(1, 1 + last_step))
    lowest = _limit(panels[0][0], found, bounds)
    _say_percent(figure, panels, lowest)
    if len(panels) == 1:
        legend(panels[0][0])
    return figure


Panel = tuple[Axes, Sequence[Series]]
"""The axes of a picture, and which series they are about."""


def _panels(table: PlottedTable, title: str, found: Sequence[Series]) -> tuple[Figure, list[Panel]]:
    if len(found) > TOGETHER:
        return _panel_each(table, title, found)
    figure, axes = new_axes(title, _below(table, found))
    axes.set_xlabel("experiences learned")
    return figure, [(axes, found)]


def _below(table: PlottedTable, found: Sequence[Series]) -> str:
    """The subtitle; where runs differ, with what the band is."""
    spread = any((each.std > 0).any() for each in found)
    return f"{table.subtitle}; {BAND}" if spread else table.subtitle


def _panel_each(
    table: PlottedTable, title: str, found: Sequence[Series]
) -> tuple[Figure, list[Panel]]:
    titles = [stacked(table.label(series.strategy)) for series in found]
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
    below = wrapped(_below(table, found), 1.9 * columns)
    figure.supxlabel(f"experiences learned\n{below}", fontsize=8, color="#555555")
    for axes in grid.flat[len(found) :]:
        axes.set_visible(False)
    # The last row may not be full: above its gap another panel is the lowest of its column.
    for axes in grid.flat[len(found) - columns : len(found)]:
        axes.xaxis.set_tick_params(labelbottom=True)
    panels: list[Panel] = []
    for axes, text, series in zip(grid.flat, titles, found, strict=False):
        # Overrides are long: they get smaller letters.
        axes.set_title(text, fontsize=7 if "\n" in text else 8.5, loc="left")
        axes.tick_params(labelsize=7)
        tidy(axes)
        panels.append((axes, [series]))
    return figure, panels


def _line(
    axes: Axes, series: Series, style: dict[str, Any], *, level: bool, label: str | None = None
) -> None:
    """A curve, or a level line across the whole width."""
    if level:
        axes.axhline(
            series.mean[-1],
            linestyle="-.",
            color=style["color"],
            linewidth=style.get("linewidth", 1.2),
            label=label,
        )
        return
    axes.plot(series.steps, series.mean, **style, label=label)


def _band(axes: Axes, series: Series, color: str, bounds: Bounds) -> None:
    low, high = (np.clip(series.mean + sign * series.std, *bounds) for sign in (-1, 1))
    axes.fill_between(series.steps, low, high, color=color, alpha=0.15, linewidth=0)


def _say_undefined(axes: Axes, series: Series, last_step: int, *, alone: bool) -> None:
    """Words where a curve begins late, so that a lonely point is not taken for all there is."""
    single = len(series.steps) == 1 and series.steps[0] == last_step > 1
    if single and alone and axes.lines[-1].get_linestyle() != "-.":
        axes.annotate(
            "undefined before",
            (series.steps[0], series.mean[0]),
            xytext=(-6, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=6.5,
            color="#555555",
        )


def _limit(axes: Axes, found: Sequence[Series], bounds: Bounds) -> float:
    """Room for all bands, and no more than there can be; gives the lower end."""
    low = min(float((each.mean - each.std).min()) for each in found)
    high = max(float((each.mean + each.std).max()) for each in found)
    margin = max(1.0, 0.05 * (high - low))
    # A mark on the very edge would be cut in half.
    lowest = max(bounds[0] - 2.0, low - margin)
    axes.set_ylim(lowest, min(bounds[1] + 2.0, high + margin))
    return lowest


def _say_percent(figure: Figure, panels: Sequence[Panel], lowest: float) -> None:
    text = percent_label("percent", lowest)
    if len(panels) > 1:
        figure.supylabel(text, fontsize=9)
    else:
        panels[0][0].set_ylabel(text)
