"""Plots: what a reader looks at. Each states its benchmark, label space and number of runs, and calls a toy a toy."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")  # pictures are written, never shown: no display is needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clvl_bench.report.matrices import Matrices, of_records
from clvl_bench.report.runs import Run, Table

# Okabe & Ito 2008: told apart by readers with any colour vision; marks differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B6914")
MARKS = "osD^vP*X"
LINES = ("-", "--", ":")


@dataclass(frozen=True)
class Group:
    """The finished runs of one table, by strategy."""

    table: Table
    runs: Mapping[str, Sequence[Matrices]]

    @property
    def subtitle(self) -> str:
        benchmark, label_space, backbone = self.table
        numbers = sorted({len(matrices) for matrices in self.runs.values()})
        several = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
        toy = ", a toy" if backbone == "tiny" else ""
        return f"{benchmark}, label space {label_space}, backbone {backbone}{toy}; {several} run{'s' * (several != '1')} each"


def groups(runs: Sequence[Run]) -> list[Group]:
    """Finished runs by table and strategy."""
    found: dict[Table, dict[str, list[Matrices]]] = {}
    for run in runs:
        if run.records:
            found.setdefault(run.origin.table, {}).setdefault(run.origin.strategy, []).append(of_records(run.records))
    return [Group(table, strategies) for table, strategies in sorted(found.items())]


def draw(group: Group) -> dict[str, bytes]:
    """All plots of a table, as PNG files by name."""
    figures: dict[str, Callable[[], Figure | None]] = {
        "seen_accuracy.png": lambda: curves(group, "seen_accuracy", "Accuracy on the experiences learned so far"),
        "forgetting.png": lambda: curves(group, "forgetting_so_far", "Forgetting of the experiences learned so far"),
        "domain_and_heldout.png": lambda: domain_and_heldout(group),
        **{
            f"matrix_{_file(strategy)}.png": partial(matrix, group, strategy, matrices)
            for strategy, matrices in group.runs.items()
        },
    }
    # One at a time: a figure that is open keeps its memory.
    return {name: png(figure) for name, make in figures.items() if (figure := make()) is not None}


def curves(group: Group, what: str, title: str) -> Figure | None:
    """One line a strategy over experiences, with a band of one deviation; what has a single value is a level line."""
    figure, axes = _axes(group, title)
    drawn = False
    for number, (strategy, runs) in enumerate(group.runs.items()):
        values = 100 * np.array([getattr(matrices, what)() for matrices in runs])
        if np.isnan(values).all():
            continue
        drawn = True
        steps = np.arange(1, values.shape[1] + 1)
        mean, std = values.mean(axis=0), values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1])
        style: dict[str, Any] = {"color": _colour(number), "label": strategy}
        known = ~np.isnan(mean)
        if known.sum() == 1 and known[-1]:
            axes.axhline(mean[-1], linestyle="-.", linewidth=1.2, **style)
        else:
            line = LINES[number // len(COLOURS) % len(LINES)]
            axes.plot(steps[known], mean[known], marker=_mark(number), markersize=4, linestyle=line, **style)
            axes.fill_between(
                steps[known], (mean - std)[known], (mean + std)[known], color=style["color"], alpha=0.15, linewidth=0
            )
    if not drawn:
        plt.close(figure)
        return None
    axes.set_xticks(steps)
    axes.set_ylim(top=min(axes.get_ylim()[1], 102))
    axes.set_xlabel("experiences learned")
    axes.set_ylabel("percent")
    _legend(axes)
    return figure


def domain_and_heldout(group: Group) -> Figure | None:
    """What was won on the domain against what was kept of the held-out zero-shot accuracy, from the untouched backbone on."""
    first = next(iter(group.runs.values()))[0]
    if not first.heldout.size:
        return None
    figure, axes = _axes(group, "Learned on the domain, kept of zero-shot")
    tested = first.test[0][~np.isnan(first.test[0])]  # none where only seen classes are scored
    start = (100 * tested.mean() if len(tested) else np.nan, 100 * np.mean(first.heldout[0]))
    for number, (strategy, runs) in enumerate(group.runs.items()):
        points = 100 * np.array([(matrices.test[-1].mean(), matrices.heldout[-1].mean()) for matrices in runs])
        (x, y), colour = points.mean(axis=0), _colour(number)
        spread = points.std(axis=0, ddof=1) if len(points) > 1 else np.zeros(2)
        if not np.isnan(start).any() and np.hypot(x - start[0], y - start[1]) > 0.5:
            axes.annotate("", (x, y), start, arrowprops={"arrowstyle": "->", "color": colour, "alpha": 0.5})
        axes.errorbar(x, y, xerr=spread[0], yerr=spread[1], fmt="none", color=colour, capsize=2, linewidth=1)
        axes.plot(x, y, marker=_mark(number), color=colour, markersize=7, linestyle="", label=strategy)
    if not np.isnan(start).any():
        axes.plot(*start, marker="+", color="#555555", markersize=12, linestyle="", label="untouched backbone")
    axes.margins(0.12)
    axes.set_xlabel("final accuracy on the stream's test sets, percent")
    axes.set_ylabel("final accuracy on held-out datasets, percent")
    _legend(axes)
    return figure


def matrix(group: Group, strategy: str, runs: Sequence[Matrices]) -> Figure:
    """Mean accuracy after t experiences (rows, the untouched backbone on top) on each experience and held-out dataset."""
    test = 100 * np.mean([matrices.test for matrices in runs], axis=0)
    heldout = 100 * np.mean([matrices.heldout for matrices in runs], axis=0)
    cells = np.concatenate([test, heldout], axis=1)
    learned, columns = test.shape[1], cells.shape[1]
    figure, axes = plt.subplots(figsize=(2.4 + 0.62 * columns, 2.0 + 0.42 * len(cells)), layout="constrained")
    axes.imshow(cells, vmin=0, vmax=100, cmap="viridis", aspect="auto")
    for row, column in np.ndindex(cells.shape):
        value = cells[row, column]
        text = "" if np.isnan(value) else f"{value:.0f}"
        axes.text(column, row, text, ha="center", va="center", color="black" if value > 55 else "white", fontsize=9)
    for t in range(1, len(cells)):  # what is being learned
        axes.add_patch(Rectangle((t - 1.5, t - 0.5), 1, 1, fill=False, edgecolor="#D55E00", linewidth=1.6))
    axes.axhline(0.5, color="white", linewidth=3)
    axes.axvline(learned - 0.5, color="white", linewidth=3)
    axes.set_yticks(range(len(cells)), ["untouched", *(f"after {t}" for t in range(1, len(cells)))])
    names = [*(str(number) for number in range(1, learned + 1)), *runs[0].heldout_names]
    axes.set_xticks(
        range(columns),
        names,
        rotation=30 if runs[0].heldout_names else 0,
        ha="right" if runs[0].heldout_names else "center",
    )
    axes.set_xlabel("tested on experience, then on held-out datasets" if runs[0].heldout_names else "tested on experience")
    axes.set_title(f"{strategy}: accuracy in percent", fontsize=11)
    figure.supxlabel(group.subtitle.replace("; ", ";\n"), fontsize=8, color="#555555")
    return figure


def png(figure: Figure) -> bytes:
    """The picture, without a date in it, so that equal data give equal bytes."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=130, metadata={"Software": None})
    plt.close(figure)
    return data.getvalue()


def _axes(group: Group, title: str) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
    axes.set_title(title, fontsize=12, loc="left")
    figure.supxlabel(group.subtitle, fontsize=8, color="#555555")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _mark(number: int) -> str:
    """Moves on by one each time the colours begin anew, so that no two of the first 64 strategies look alike."""
    return MARKS[(number + number // len(COLOURS)) % len(MARKS)]


def _file(strategy: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "_-." else "_" for sign in strategy)
