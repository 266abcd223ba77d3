"""Plots of supervision: accuracy against delay or labels, regret, pseudo-labels. Each is a picture
for each benchmark, over all kinds of supervision that it was run under.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clvl_bench.metrics.continual import Matrix
from clvl_bench.report.figures import (
    legend,
    line_style,
    new_axes,
    png,
    subtitle,
    table_names,
    tidy,
)
from clvl_bench.report.order import by_values
from clvl_bench.report.runs import Table

Pictures = Iterator[tuple[str, bytes]]
"""Names of files, and what stands in them."""


@dataclass(frozen=True)
class SweptAxis:
    """What supervision is swept along: the column of the frame, and how it is drawn."""

    column: str
    title: str
    label: str
    scale: str


SWEPT_AXES = (
    SweptAxis("delay", "Accuracy against delay", "steps that a label is late", "symlog"),
    SweptAxis(
        "share",
        "Accuracy against the share of labels",
        "share of samples whose label arrives",
        "log",
    ),
)


def sweep_pictures(frame: pd.DataFrame) -> Pictures:
    """Accuracy against delay and against the share of labels, one line a strategy, for each
    benchmark that was run so.
    """
    tables = _by_table(frame[~frame["rewarding"]], "base")
    names = table_names(tables, 1)
    for axis in SWEPT_AXES:
        for table, part in tables.items():
            if part[axis.column].nunique() > 1:
                yield f"{names[table]}_{axis.column}.png", png(_sweep(table, part, axis))


def _sweep(table: Table, part: pd.DataFrame, axis: SweptAxis) -> Figure:
    repetitions = part.groupby(["benchmark", "strategy"]).size()
    figure, axes = new_axes(axis.title, subtitle(table, repetitions))
    strategies = part.sort_values("strategy", key=by_values).groupby("strategy", sort=False)
    for number, (strategy, runs) in enumerate(strategies):
        means = 100 * runs.groupby(axis.column)["accuracy"].mean()
        axes.plot(means.index, means, **line_style(number), label=str(strategy))
    axes.set_xscale(axis.scale)
    # The values that were run say more than powers of ten.
    values = sorted(part[axis.column].unique())
    axes.set_xticks(values, [f"{value:.3g}" for value in values])
    axes.minorticks_off()
    axes.set_xlabel(axis.label)
    axes.set_ylabel("accuracy (prequential in a stream, else last), percent")
    legend(axes)
    return figure


RegretOfStrategies = Mapping[str, Sequence[Matrix]]
"""For each run of a strategy its regret, summed up to the end of each window [windows]."""


def regret_pictures(found: Mapping[Table, RegretOfStrategies]) -> Pictures:
    """Regret against the full-information twin, summed over the stream; a picture for each table
    with rewards.
    """
    names = table_names(found, 1)
    for table, strategies in found.items():
        yield f"{names[table]}_regret.png", png(_regret(table, strategies))


def _regret(table: Table, strategies: RegretOfStrategies) -> Figure:
    figure, axes = new_axes("Regret", subtitle(table, map(len, strategies.values())))
    for number, (strategy, runs) in enumerate(strategies.items()):
        _sparsely_marked(axes, number, strategy, np.mean(runs, axis=0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("window of the stream")
    axes.set_ylabel("rights of the twin that is told every label,\nminus rewards")
    legend(axes)
    return figure


def pseudo_label_pictures(frame: pd.DataFrame) -> Pictures:
    """Precision and coverage of every class, sorted down; a picture for each table."""
    tables = _by_table(frame, "benchmark")
    names = table_names(tables, 1)
    for table, part in tables.items():
        yield f"{names[table]}_pseudo_labels.png", png(_pseudo_labels(table, part))


def _pseudo_labels(table: Table, part: pd.DataFrame) -> Figure:
    figure, panels = plt.subplots(1, 2, figsize=(9.6, 4.0), sharey=True, layout="constrained")
    figure.suptitle("Pseudo-labels, class by class", fontsize=12, x=0.01, ha="left")
    figure.supxlabel(subtitle(table, part["runs"]), fontsize=8, color="#555555")
    for axes, rate in zip(panels, ("precision", "coverage"), strict=True):
        for number, (strategy, rows) in enumerate(part.groupby("strategy", sort=False)):
            falling = np.sort(rows[rate].dropna().to_numpy())[::-1]
            _sparsely_marked(axes, number, strategy, 100 * falling)
        axes.set_xlabel(f"classes, by {rate}")
        tidy(axes)
    panels[0].set_ylabel("percent")
    legend(panels[1])
    return figure


def _sparsely_marked(axes: Axes, number: int, strategy: Hashable, values: Matrix) -> None:
    """A line over 1, 2, ... with about ten marks: one at each value would hide it."""
    places = np.arange(1, len(values) + 1)
    every = max(1, len(values) // 10)
    axes.plot(places, values, **line_style(number), markevery=every, label=str(strategy))


def _by_table(frame: pd.DataFrame, benchmark: str) -> dict[Table, pd.DataFrame]:
    """The rows of each table, whose benchmark stands in the column of that name."""
    found = {}
    for where, part in frame.groupby([benchmark, "label_space", "backbone"]):
        name, label_space, backbone = where
        found[str(name), str(label_space), str(backbone)] = part
    return found
