"""Plots of streams and of few labels: windows over time, accuracy against delay, labels or bytes,
regret, pseudo-labels.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clvl_bench.metrics.continual import Matrix
from clvl_bench.report.figures import (
    Group,
    colour,
    legend,
    line_style,
    names,
    new_axes,
    png,
    subtitle,
    tidy,
)
from clvl_bench.report.order import by_values
from clvl_bench.report.runs import Table


def figures(group: Group) -> dict[str, Callable[[], Figure | None]]:
    """What makes each picture of a table's streams, by the name of its file; nothing where there is
    no stream.
    """
    return {
        "prequential.png": lambda: over_time(
            group, "prequential", "Right before it was learned from", "percent", 100
        ),
        "reward.png": lambda: over_time(group, "reward", "Rewards", "percent", 100),
        "kept_bytes.png": lambda: over_time(
            group, "kept_bytes_at", "Bytes kept between steps", "KiB", 1 / 1024
        ),
        "accuracy_bytes.png": lambda: accuracy_against_bytes(group),
    }


def over_time(group: Group, metric: str, title: str, unit: str, factor: float) -> Figure | None:
    """A windowed value along the stream; where labels arrive, how many, as bars below."""
    found = {
        name: runs for name, runs in group.streams.items() if all(metric in run for run in runs)
    }
    if not found:
        return None
    figure, axes = new_axes(title, group.subtitle)
    order = list(group.runs)
    for strategy, runs in found.items():
        values = factor * np.mean([run[metric].values for run in runs], axis=0)
        windows, painted = np.arange(1, len(values) + 1), colour(order.index(strategy))
        axes.plot(windows, values, color=painted, linewidth=1.4, label=strategy)
    arrivals = next(iter(found.values()))[0].get("labels_arrived")
    if arrivals is not None:
        below = axes.twinx()
        below.bar(
            np.arange(1, len(arrivals.values) + 1),
            arrivals.values,
            color="#CCCCCC",
            alpha=0.5,
            zorder=0,
        )
        below.set_ylim(0, 5 * max(1.0, float(arrivals.values.max())))
        below.set_ylabel("labels or rewards that arrive", fontsize=8, color="#777777")
        below.tick_params(labelsize=7, colors="#777777")
        below.spines[["top"]].set_visible(False)
        axes.set_zorder(below.get_zorder() + 1)
        axes.patch.set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("window of the stream")
    axes.set_ylabel(unit)
    columns = max(1, min(4, 110 // (8 + max(map(len, found)))))  # overrides make long names
    axes.legend(
        frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0.0, -0.16), ncols=columns
    )
    return figure


AGAINST = {
    "delay": ("Accuracy against delay", "steps that a label is late", "symlog"),
    "share": (
        "Accuracy against the share of labels",
        "share of samples whose label arrives",
        "log",
    ),
}
"""Title, label and scale of the axis that a supervision is swept along."""


def supervision(frame: pd.DataFrame) -> dict[str, bytes]:
    """Accuracy against delay and against the share of labels, one line a strategy, for each
    benchmark that was run so.
    """
    tables = _tables(frame[~frame["rewarding"]], "base")
    found, called = {}, names(tables, 1)
    for axis, (title, label, scale) in AGAINST.items():
        for table, part in tables.items():
            if part[axis].nunique() < 2:
                continue
            repetitions = part.groupby(["benchmark", "strategy"]).size()
            figure, axes = new_axes(title, subtitle(table, repetitions))
            strategies = part.sort_values("strategy", key=by_values).groupby("strategy", sort=False)
            for number, (strategy, runs) in enumerate(strategies):
                means = 100 * runs.groupby(axis)["accuracy"].mean()
                axes.plot(means.index, means, **line_style(number), label=strategy)
            axes.set_xscale(scale)
            ran = sorted(part[axis].unique())  # the values themselves say more than powers of ten
            axes.set_xticks(ran, [f"{value:.3g}" for value in ran])
            axes.minorticks_off()
            axes.set_xlabel(label)
            axes.set_ylabel("accuracy (prequential in a stream, else last), percent")
            legend(axes)
            found[f"{called[table]}_{axis}.png"] = png(figure)
    return found


def regret(found: Mapping[Table, Mapping[str, Sequence[Matrix]]]) -> dict[str, bytes]:
    """Regret against the full-information twin, summed over the stream; a picture for each table
    with rewards.
    """
    pictures, called = {}, names(found, 1)
    for table, strategies in found.items():
        figure, axes = new_axes("Regret", subtitle(table, map(len, strategies.values())))
        for number, (strategy, runs) in enumerate(strategies.items()):
            mean = np.mean(runs, axis=0)
            axes.plot(
                np.arange(1, len(mean) + 1),
                mean,
                **line_style(number),
                markevery=max(1, len(mean) // 10),
                label=strategy,
            )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("window of the stream")
        axes.set_ylabel("rights of the twin that is told every label,\nminus rewards")
        legend(axes)
        pictures[f"{called[table]}_regret.png"] = png(figure)
    return pictures


def accuracy_against_bytes(group: Group) -> Figure | None:
    """Prequential accuracy against the most bytes that were kept between two steps, a point a
    strategy.
    """
    found = {
        strategy: runs
        for strategy, runs in group.streams.items()
        if all({"prequential", "kept_bytes_at"} <= set(run) for run in runs)
    }
    if not found:
        return None
    figure, axes = new_axes("Accuracy against bytes", group.subtitle)
    most = 1.0
    for number, (strategy, runs) in enumerate(found.items()):
        accuracy = 100 * float(np.mean([run["prequential"].mean for run in runs]))
        kept = float(np.mean([run["kept_bytes_at"].values.max() for run in runs])) / 1024
        most = max(most, kept)
        axes.plot(
            kept,
            accuracy,
            **(line_style(number) | {"linestyle": "", "markersize": 8}),
            label=strategy,
        )
    axes.set_xscale("symlog", linthresh=1)  # zero-shot keeps nothing
    axes.set_xlim(
        -0.1, 2 * most
    )  # the scale leaves no room of its own: marks at the edges would be cut
    axes.set_xlabel("most KiB kept between two steps")
    axes.set_ylabel("right before it was learned from, percent")
    legend(axes)
    return figure


def pseudo_labels(frame: pd.DataFrame) -> dict[str, bytes]:
    """Precision and coverage of every class, sorted down; a picture for each table."""
    tables = _tables(frame, "benchmark")
    pictures, called = {}, names(tables, 1)
    for table, part in tables.items():
        figure, panels = plt.subplots(1, 2, figsize=(9.6, 4.0), sharey=True, layout="constrained")
        figure.suptitle("Pseudo-labels, class by class", fontsize=12, x=0.01, ha="left")
        figure.supxlabel(subtitle(table, part["runs"]), fontsize=8, color="#555555")
        for axes, rate in zip(panels, ("precision", "coverage"), strict=True):
            for number, (strategy, rows) in enumerate(part.groupby("strategy", sort=False)):
                values = 100 * np.sort(rows[rate].dropna().to_numpy())[::-1]
                places = np.arange(1, len(values) + 1)
                axes.plot(
                    places,
                    values,
                    **line_style(number),
                    markevery=max(1, len(values) // 10),
                    label=strategy,
                )
            axes.set_xlabel(f"classes, by {rate}")
            tidy(axes)
        panels[0].set_ylabel("percent")
        legend(panels[1])
        pictures[f"{called[table]}_pseudo_labels.png"] = png(figure)
    return pictures


def _tables(frame: pd.DataFrame, benchmark: str) -> dict[Table, pd.DataFrame]:
    """The rows of each table, whose benchmark stands in the column of that name."""
    parts = frame.groupby([benchmark, "label_space", "backbone"])
    return {
        (str(name), str(label_space), str(backbone)): part
        for (name, label_space, backbone), part in parts
    }
