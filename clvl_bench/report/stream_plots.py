"""Plots of streams: windows over time, and accuracy against the bytes that were kept."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clvl_bench.report.figures import (
    PlottedTable,
    layers,
    line_style,
    new_axes,
    percent_label,
    widened,
)
from clvl_bench.report.point_plots import Point, draw_points
from clvl_bench.report.streams import Line, shared_windows

ARRIVALS = "#777777"

WIDE_RANGE = 30.0
"""How many times more than the smallest of them the largest of some numbers is, from where on a
logarithm shows them all."""


def prequential(table: PlottedTable) -> Figure | None:
    title = "Right before it was learned from"
    return over_time(table, "prequential", title, unit="percent", factor=100)


def rewards(table: PlottedTable) -> Figure | None:
    return over_time(table, "reward", "Rewards", unit="percent", factor=100)


def kept_bytes(table: PlottedTable) -> Figure | None:
    title = "Bytes kept between steps"
    return over_time(table, "kept_bytes_at", title, unit="KiB", factor=1 / 1024)


def over_time(
    table: PlottedTable, metric: str, title: str, *, unit: str, factor: float
) -> Figure | None:
    """A windowed value along the stream; where labels arrive, how many, as bars below."""
    found = _measured(table, {metric})
    if not found:
        return None
    figure, axes = new_axes(title, table.subtitle)
    order = list(table.runs)
    means = {}
    for strategy, runs in found.items():
        shared = shared_windows([run[metric].values for run in runs])
        means[strategy] = factor * shared.mean(axis=0)
    rims = layers(list(means.values()))
    for (strategy, values), rim in zip(means.items(), rims, strict=True):
        number = order.index(strategy)
        windows = np.arange(1, len(values) + 1)
        # Marks stand at other windows for every line, so that lines that coincide show both.
        every = max(1, len(values) // 8)
        style = widened(line_style(number), rim)
        label = table.label(strategy)
        axes.plot(windows, values, **style, markevery=(number % every, every), label=label)
    first_run = next(iter(found.values()))[0]
    if "labels_arrived" in first_run:
        _arrivals_below(axes, first_run["labels_arrived"])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("window of the stream")
    axes.set_ylabel(_scaled(axes, np.concatenate(list(means.values())), unit))
    # Overrides make long names: the longer, the fewer of them stand beside each other.
    longest = max(len(table.label(strategy)) for strategy in found)
    columns = max(1, min(4, 110 // (8 + longest)))
    axes.legend(
        frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0.0, -0.16), ncols=columns
    )
    return figure


def _scaled(axes: Axes, values: np.ndarray, unit: str) -> str:
    """Choose the scale of a y axis; its label, which says what scale it is."""
    if unit == "percent":
        return percent_label(unit, axes.get_ylim()[0])
    above = values[values > 0]
    if above.size and above.max() > WIDE_RANGE * np.median(above):
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(bottom=0)
        return f"{unit} (logarithmic above 1)"
    return unit


def _arrivals_below(axes: Axes, arrivals: Line) -> None:
    """Bars in the lowest fifth of a plot, behind its lines."""
    below = axes.twinx()
    windows = np.arange(1, len(arrivals.values) + 1)
    below.bar(windows, arrivals.values, color="#CCCCCC", alpha=0.5, zorder=0)
    below.set_ylim(0, 5 * max(1.0, float(arrivals.values.max())))
    below.set_ylabel("labels or rewards that arrive", fontsize=8, color=ARRIVALS)
    below.tick_params(labelsize=7, colors=ARRIVALS)
    below.spines[["top"]].set_visible(False)
    # matplotlib draws twins last: without this the bars would cover the lines.
    axes.set_zorder(below.get_zorder() + 1)
    axes.patch.set_visible(False)


def accuracy_against_bytes(table: PlottedTable) -> Figure | None:
    """Prequential accuracy against the most bytes that were kept between two steps, a point a
    strategy.
    """
    found = _measured(table, {"prequential", "kept_bytes_at"})
    if not found:
        return None
    below = f"{table.subtitle}; lines: one standard deviation of a run, dots: Pareto front"
    figure, axes = new_axes("Accuracy against bytes", below)
    points = [_bytes_point(table, strategy, runs) for strategy, runs in found.items()]
    most = max(1.0, *(point.at[0] for point in points))
    # Zero-shot keeps nothing, for which a logarithm has no place.
    axes.set_xscale("symlog", linthresh=1)
    # The scale leaves no room of its own: marks at the edges would be cut.
    axes.set_xlim(-0.1, 2 * most)
    low, high = (f([point.at[1] for point in points]) for f in (min, max))
    margin = max(1.0, 0.1 * (high - low))
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlabel("most KiB kept between two steps (logarithmic above 1)")
    axes.set_ylabel(percent_label("right before it was learned from, percent", low - margin))
    draw_points(axes, points, (-1, +1))
    return figure


def _bytes_point(table: PlottedTable, strategy: str, runs: Sequence[Mapping[str, Line]]) -> Point:
    accuracies = [100 * run["prequential"].mean for run in runs]
    kept = [run["kept_bytes_at"].values.max() / 1024 for run in runs]
    several = len(runs) > 1
    spread = tuple(float(np.std(each, ddof=1)) if several else 0.0 for each in (kept, accuracies))
    at = (float(np.mean(kept)), float(np.mean(accuracies)))
    return Point(table.label(strategy), at, (spread[0], spread[1]))


def _measured(table: PlottedTable, metrics: set[str]) -> dict[str, Sequence[Mapping[str, Line]]]:
    """The strategies all of whose runs have all of these lines."""
    return {
        strategy: runs
        for strategy, runs in table.streams.items()
        if metrics <= set.intersection(*map(set, runs))
    }


STREAM_FIGURES: dict[str, Callable[[PlottedTable], Figure | None]] = {
    "prequential": prequential,
    "reward": rewards,
    "kept_bytes": kept_bytes,
    "accuracy_bytes": accuracy_against_bytes,
}
"""What makes each picture of a table's streams, by the name of its file; it makes nothing where
there is no stream."""
