"""Plots of streams: windows over time, and accuracy against the bytes that were kept."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clvl_bench.report.figures import PlottedTable, colour, legend, line_style, new_axes
from clvl_bench.report.streams import Line

GREY = "#777777"


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
    for strategy, runs in found.items():
        values = factor * np.mean([run[metric].values for run in runs], axis=0)
        windows = np.arange(1, len(values) + 1)
        painted = colour(order.index(strategy))
        axes.plot(windows, values, color=painted, linewidth=1.4, label=strategy)
    first_run = next(iter(found.values()))[0]
    if "labels_arrived" in first_run:
        _arrivals_below(axes, first_run["labels_arrived"])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("window of the stream")
    axes.set_ylabel(unit)
    # Overrides make long names: the longer, the fewer of them stand beside each other.
    columns = max(1, min(4, 110 // (8 + max(map(len, found)))))
    axes.legend(
        frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0.0, -0.16), ncols=columns
    )
    return figure


def _arrivals_below(axes: Axes, arrivals: Line) -> None:
    """Bars in the lowest fifth of a plot, behind its lines."""
    below = axes.twinx()
    windows = np.arange(1, len(arrivals.values) + 1)
    below.bar(windows, arrivals.values, color="#CCCCCC", alpha=0.5, zorder=0)
    below.set_ylim(0, 5 * max(1.0, float(arrivals.values.max())))
    below.set_ylabel("labels or rewards that arrive", fontsize=8, color=GREY)
    below.tick_params(labelsize=7, colors=GREY)
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
    figure, axes = new_axes("Accuracy against bytes", table.subtitle)
    most = 1.0
    for number, (strategy, runs) in enumerate(found.items()):
        accuracy = 100 * float(np.mean([run["prequential"].mean for run in runs]))
        kept = float(np.mean([run["kept_bytes_at"].values.max() for run in runs])) / 1024
        most = max(most, kept)
        style = line_style(number) | {"linestyle": "", "markersize": 8}
        axes.plot(kept, accuracy, **style, label=strategy)
    # Zero-shot keeps nothing, for which a logarithm has no place.
    axes.set_xscale("symlog", linthresh=1)
    # The scale leaves no room of its own: marks at the edges would be cut.
    axes.set_xlim(-0.1, 2 * most)
    axes.set_xlabel("most KiB kept between two steps")
    axes.set_ylabel("right before it was learned from, percent")
    legend(axes)
    return figure


def _measured(table: PlottedTable, metrics: set[str]) -> dict[str, Sequence[Mapping[str, Line]]]:
    """The strategies all of whose runs have all of these lines."""
    return {
        strategy: runs
        for strategy, runs in table.streams.items()
        if metrics <= set.intersection(*map(set, runs))
    }


STREAM_FIGURES: dict[str, Callable[[PlottedTable], Figure | None]] = {
    "prequential.png": prequential,
    "reward.png": rewards,
    "kept_bytes.png": kept_bytes,
    "accuracy_bytes.png": accuracy_against_bytes,
}
"""What makes each picture of a table's streams, by the name of its file; it makes nothing where
there is no stream."""
