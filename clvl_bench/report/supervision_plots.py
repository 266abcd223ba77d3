"""Plots of supervision: accuracy against delay or labels, regret, pseudo-labels. Each is a picture
for each benchmark, over all kinds of supervision that it was run under.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clvl_bench.metrics.continual import Matrix
from clvl_bench.report.design import RunAt
from clvl_bench.report.figures import (
    Pictures,
    colour,
    layers,
    legend,
    line_style,
    new_axes,
    percent_label,
    subtitle,
    table_names,
    tidy,
    widened,
    wrapped,
)
from clvl_bench.report.order import by_value
from clvl_bench.report.overrides import shared_overrides, without
from clvl_bench.report.runs import Table
from clvl_bench.report.streams import shared_windows
from clvl_bench.report.summary import over_runs


@dataclass(frozen=True)
class SweptAxis:
    """What supervision is swept along: the column of the frame, and how it is drawn."""

    column: str
    title: str
    label: str
    scale: str


SWEPT_AXES = (
    SweptAxis(
        "delay",
        "Accuracy against delay",
        "steps that a label is late (logarithmic above 1)",
        "symlog",
    ),
    SweptAxis(
        "share",
        "Accuracy against the share of labels",
        "share of samples whose label arrives (logarithmic)",
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
                yield f"{names[table]}_{axis.column}", _sweep(table, part, axis)


def _sweep(table: Table, part: pd.DataFrame, axis: SweptAxis) -> Figure:
    repetitions = part.groupby(["benchmark", "strategy"]).size()
    names = sorted(set(part["strategy"]), key=by_value)
    shared = shared_overrides(names)
    below = subtitle(table, repetitions)
    if (repetitions > 1).any():
        below += "; bars: one standard deviation of a run"
    if shared:
        below += f"; all with {', '.join(shared)}"
    figure, axes = new_axes(axis.title, below)
    found = [_along(part[part["strategy"] == name], axis.column) for name in names]
    rims = layers([means for _, means, _ in found])
    for number, (name, (at, means, spread)) in enumerate(zip(names, found, strict=True)):
        style = widened(line_style(number), rims[number])
        axes.errorbar(
            at,
            means,
            yerr=spread,
            **style,
            elinewidth=0.8,
            capsize=2,
            label=without(name, shared),
        )
    axes.set_xscale(axis.scale)
    # The values that were run say more than powers of ten.
    values = sorted(part[axis.column].unique())
    axes.set_xticks(values, [f"{value:.3g}" for value in values])
    axes.minorticks_off()
    axes.set_xlabel(axis.label)
    text = "accuracy (prequential in a stream, else last), percent"
    axes.set_ylabel(percent_label(text, axes.get_ylim()[0]))
    legend(axes)
    return figure


def _along(runs: pd.DataFrame, column: str) -> tuple[Matrix, Matrix, Matrix]:
    """The values that were swept, and at each the mean and the deviation of a run, in percent."""
    at, means, spread = [], [], []
    for value, part in runs.groupby(column):
        orders, seeds = part["class_order"], part["seed"]
        where = [RunAt(*place) for place in zip(orders, seeds, strict=True)]
        cell = over_runs(part["accuracy"].tolist(), where)
        at.append(value)
        means.append(100 * cell.mean)
        spread.append(0.0 if np.isnan(cell.std) else 100 * cell.std)
    return np.array(at, dtype=np.float64), np.array(means), np.array(spread)


RegretOfStrategies = Mapping[str, Sequence[Matrix]]
"""For each run of a strategy its regret, summed up to the end of each window [windows]."""


def regret_pictures(found: Mapping[Table, RegretOfStrategies]) -> Pictures:
    """Regret against the full-information twin, summed over the stream; a picture for each table
    with rewards.
    """
    names = table_names(found, 1)
    for table, strategies in found.items():
        yield f"{names[table]}_regret", _regret(table, strategies)


def _regret(table: Table, strategies: RegretOfStrategies) -> Figure:
    below = subtitle(table, map(len, strategies.values()))
    figure, axes = new_axes("Regret", f"{below}; band: one standard deviation over runs")
    for number, (strategy, runs) in enumerate(strategies.items()):
        shared = shared_windows(runs)
        mean = shared.mean(axis=0)
        _sparsely_marked(axes, number, strategy, mean)
        if len(runs) > 1:
            spread = shared.std(axis=0, ddof=1)
            places = np.arange(1, len(mean) + 1)
            low, high = mean - spread, mean + spread
            axes.fill_between(places, low, high, color=colour(number), alpha=0.12, linewidth=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("window of the stream")
    axes.set_ylabel("samples: rights of the twin that is told\nevery label, minus rewards")
    legend(axes)
    return figure


def pseudo_label_pictures(frame: pd.DataFrame) -> Pictures:
    """Precision and coverage of every class, sorted down; a picture for each table."""
    tables = _by_table(frame, "benchmark")
    names = table_names(tables, 1)
    for table, part in tables.items():
        yield f"{names[table]}_pseudo_labels", _pseudo_labels(table, part)


def _pseudo_labels(table: Table, part: pd.DataFrame) -> Figure:
    figure, panels = plt.subplots(1, 2, figsize=(9.6, 4.0), sharey=True, layout="constrained")
    figure.suptitle("Pseudo-labels, class by class", fontsize=12, x=0.01, ha="left")
    shared = shared_overrides(part["strategy"])
    below = subtitle(table, part["runs"])
    if shared:
        below += f"; all with {', '.join(shared)}"
    figure.supxlabel(wrapped(below, 9.6), fontsize=8, color="#555555")
    for axes, rate in zip(panels, ("precision", "coverage"), strict=True):
        for number, (strategy, rows) in enumerate(part.groupby("strategy", sort=False)):
            falling = np.sort(rows[rate].dropna().to_numpy())[::-1]
            _sparsely_marked(axes, number, without(str(strategy), shared), 100 * falling)
        axes.set_xlabel(f"classes, by {rate}; those without any are left out")
        tidy(axes)
    panels[0].set_ylabel(percent_label("percent", panels[0].get_ylim()[0]))
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
