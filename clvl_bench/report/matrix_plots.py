"""Plots of matrices: a strategy's accuracy after each experience, on each experience."""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clvl_bench.metrics.continual import Matrix
from clvl_bench.report.figures import PlottedTable, stacked
from clvl_bench.report.matrices import Matrices

DARK_ABOVE = 55
"""Percent above which a cell is so light that its number is written in black."""


def matrix(table: PlottedTable, strategy: str, runs: Sequence[Matrices]) -> Figure:
    """Mean accuracy after t experiences (rows, the untouched backbone on top) on each experience
    and held-out dataset.
    """
    test = 100 * np.mean([run.test for run in runs], axis=0)
    heldout = 100 * np.mean([run.heldout for run in runs], axis=0)
    cells = np.concatenate([test, heldout], axis=1)
    n_experiences = test.shape[1]
    size = (2.4 + 0.62 * cells.shape[1], 2.0 + 0.42 * len(cells))
    figure, axes = plt.subplots(figsize=size, layout="constrained")
    _paint(axes, cells)
    # White lines set the untouched backbone apart, and the held-out datasets.
    axes.axhline(0.5, color="white", linewidth=3)
    axes.axvline(n_experiences - 0.5, color="white", linewidth=3)
    steps = [f"after {t}" for t in range(1, len(cells))]
    axes.set_yticks(range(len(cells)), ["untouched", *steps])
    _name_columns(axes, n_experiences, runs[0].heldout_names)
    _write_title(axes, strategy)
    below = table.subtitle.replace("; ", ";\n")
    figure.supxlabel(below, fontsize=8, color="#555555")
    return figure


def _paint(axes: Axes, cells: Matrix) -> None:
    """Colours, numbers, and a frame around each cell whose experience was just learned."""
    axes.imshow(cells, vmin=0, vmax=100, cmap="viridis", aspect="auto")
    for row, column in np.ndindex(cells.shape):
        value = cells[row, column]
        text = "" if np.isnan(value) else f"{value:.0f}"
        dark = "black" if value > DARK_ABOVE else "white"
        axes.text(column, row, text, ha="center", va="center", color=dark, fontsize=9)
    for t in range(1, len(cells)):
        if not np.isnan(cells[t, t - 1]):
            corner = (t - 1.5, t - 0.5)
            frame = Rectangle(corner, 1, 1, fill=False, edgecolor="#D55E00", linewidth=1.6)
            axes.add_patch(frame)


def _name_columns(axes: Axes, n_experiences: int, heldout_names: Sequence[str]) -> None:
    numbers = [str(number) for number in range(1, n_experiences + 1)]
    places = range(n_experiences + len(heldout_names))
    if heldout_names:
        axes.set_xticks(places, [*numbers, *heldout_names], rotation=30, ha="right")
        axes.set_xlabel("tested on experience, then on held-out datasets")
    else:
        axes.set_xticks(places, numbers, rotation=0, ha="center")
        axes.set_xlabel("tested on experience")


def _write_title(axes: Axes, strategy: str) -> None:
    """The strategy, and each override on a line of its own below it."""
    name, *overrides = stacked(strategy).split("\n")
    title = "\n".join([f"{name}: accuracy in percent", *overrides])
    if overrides:
        axes.set_title(title, fontsize=9, loc="left")
    else:
        axes.set_title(title, fontsize=11, loc="center")
