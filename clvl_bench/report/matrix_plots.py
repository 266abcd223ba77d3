"""Plots of matrices: a strategy's accuracy after each experience, on each experience."""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clvl_bench.metrics.continual import Matrix
from clvl_bench.report.figures import PlottedTable, stacked, wrapped
from clvl_bench.report.matrices import Matrices

UNDEFINED = "#DDDDDD"
DARK_ABOVE = 55
"""Percent above which a cell is so light that its number is written in black."""


def matrix(table: PlottedTable, strategy: str, runs: Sequence[Matrices]) -> Figure | None:
    """Mean accuracy after t experiences (rows, the untouched backbone on top) on each experience
    and held-out dataset. Of one experience all of it stands in the table: none is drawn.
    """
    if table.at_one_time:
        return None
    test = 100 * np.mean([run.test for run in runs], axis=0)
    heldout = 100 * np.mean([run.heldout for run in runs], axis=0)
    cells = np.concatenate([test, heldout], axis=1)
    n_experiences = test.shape[1]
    names = _column_names(table, n_experiences, runs[0])
    # Turned names need height; they share the picture with the rows.
    longest = max(map(len, names), default=0)
    size = (2.4 + 0.62 * cells.shape[1], 2.0 + 0.42 * len(cells) + 0.035 * max(0, longest - 12))
    figure, axes = plt.subplots(figsize=size, layout="constrained")
    _paint(axes, cells)
    # White lines set the untouched backbone apart, and the held-out datasets.
    axes.axhline(0.5, color="white", linewidth=3)
    axes.axvline(n_experiences - 0.5, color="white", linewidth=3)
    steps = [f"after {t}" for t in range(1, len(cells))]
    axes.set_yticks(range(len(cells)), ["untouched", *steps])
    turned = longest > 3
    axes.set_xticks(
        range(len(names)),
        names,
        rotation=30 if turned else 0,
        ha="right" if turned else "center",
        fontsize=8 if turned else 10,
    )
    heldout_too = ", then on held-out datasets" if runs[0].heldout_names else ""
    axes.set_xlabel(f"tested on experience{heldout_too}; – is undefined")
    _write_title(axes, table.label(strategy))
    figure.supxlabel(wrapped(table.subtitle, size[0]), fontsize=8, color="#555555")
    return figure


def _paint(axes: Axes, cells: Matrix) -> None:
    """Colours, numbers, and a frame around each cell whose experience was just learned."""
    axes.set_facecolor(UNDEFINED)
    axes.imshow(cells, vmin=0, vmax=100, cmap="viridis", aspect="auto")
    for row, column in np.ndindex(cells.shape):
        value = cells[row, column]
        text = "–" if np.isnan(value) else f"{value:.0f}"
        # Undefined cells have no colour of the scale: grey, which no value is.
        dark = "black" if value > DARK_ABOVE or np.isnan(value) else "white"
        axes.text(column, row, text, ha="center", va="center", color=dark, fontsize=9)
    for t in range(1, len(cells)):
        if not np.isnan(cells[t, t - 1]):
            corner = (t - 1.5, t - 0.5)
            frame = Rectangle(corner, 1, 1, fill=False, edgecolor="#D55E00", linewidth=1.6)
            axes.add_patch(frame)


def _column_names(table: PlottedTable, n_experiences: int, run: Matrices) -> list[str]:
    """The number of each experience, and what it is about where that is known; then the held-out
    datasets.
    """
    numbers = [str(number) for number in range(1, n_experiences + 1)]
    about = table.experience_names or run.experience_names
    if len(about) == n_experiences:
        numbers = [f"{number} {text}" for number, text in zip(numbers, about, strict=True)]
    return [*numbers, *run.heldout_names]


def _write_title(axes: Axes, strategy: str) -> None:
    """The strategy, and each override on a line of its own below it."""
    name, *overrides = stacked(strategy).split("\n")
    title = "\n".join([f"{name}: accuracy in percent", *overrides])
    if overrides:
        axes.set_title(title, fontsize=9, loc="left")
    else:
        axes.set_title(title, fontsize=11, loc="center")
