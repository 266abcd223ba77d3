"""Plots of what streams alone have: regret over time, accuracy against bytes, pseudo-labels class by class."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from clvl_bench.metrics import Matrix
from clvl_bench.report.plots import Group, bare_axes, file_name, legend, line_style, new_axes, png, tidy


def regret(found: Mapping[str, Mapping[str, Sequence[Matrix]]]) -> dict[str, bytes]:
    """Regret against the full-information twin, summed over the stream; a picture for each benchmark with rewards."""
    pictures = {}
    for benchmark, strategies in found.items():
        figure, axes = bare_axes(f"Regret: {benchmark}")
        for number, (strategy, runs) in enumerate(strategies.items()):
            mean = np.mean(runs, axis=0)
            axes.plot(
                np.arange(1, len(mean) + 1), mean, **line_style(number), markevery=max(1, len(mean) // 10), label=strategy
            )
        axes.set_xlabel("window of the stream")
        axes.set_ylabel("rights of the twin that is told every label,\nminus rewards")
        legend(axes)
        pictures[f"{file_name(benchmark)}_regret.png"] = png(figure)
    return pictures


def accuracy_against_bytes(group: Group) -> Figure | None:
    """Prequential accuracy against the most bytes that were kept between two steps, a point a strategy."""
    found = {
        strategy: runs
        for strategy, runs in group.streams.items()
        if all({"prequential", "kept_bytes_at"} <= set(run) for run in runs)
    }
    if not found:
        return None
    figure, axes = new_axes(group, "Accuracy against bytes")
    for number, (strategy, runs) in enumerate(found.items()):
        accuracy = 100 * float(np.mean([run["prequential"].mean for run in runs]))
        kept = float(np.mean([run["kept_bytes_at"].values.max() for run in runs])) / 1024
        axes.plot(kept, accuracy, **(line_style(number) | {"linestyle": "", "markersize": 8}), label=strategy)
    axes.set_xscale("symlog", linthresh=1)  # zero-shot keeps nothing
    axes.set_xlim(left=-0.1)
    axes.set_xlabel("most KiB kept between two steps")
    axes.set_ylabel("right before it was learned from, percent")
    legend(axes)
    return figure


def pseudo_labels(frame: pd.DataFrame) -> dict[str, bytes]:
    """Precision and coverage of every class, sorted down; a picture for each benchmark."""
    pictures = {}
    for benchmark, part in frame.groupby("benchmark"):
        figure, panels = plt.subplots(1, 2, figsize=(9.6, 4.0), sharey=True, layout="constrained")
        figure.suptitle(f"Pseudo-labels: {benchmark}", fontsize=12, x=0.01, ha="left")
        for axes, rate in zip(panels, ("precision", "coverage"), strict=True):
            for number, (strategy, rows) in enumerate(part.groupby("strategy")):
                values = 100 * np.sort(rows[rate].dropna().to_numpy())[::-1]
                places = np.arange(1, len(values) + 1)
                axes.plot(places, values, **line_style(number), markevery=max(1, len(values) // 10), label=strategy)
            axes.set_xlabel(f"classes, by {rate}")
            tidy(axes)
        panels[0].set_ylabel("percent")
        legend(panels[1])
        pictures[f"{file_name(str(benchmark))}_pseudo_labels.png"] = png(figure)
    return pictures
