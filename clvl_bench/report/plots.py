"""Plots: what a reader looks at. Each states its benchmark, label space and number of runs, and calls a toy a toy."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")  # pictures are written, never shown: no display is needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from clvl_bench.report.matrices import Matrices, of_records
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.streams import Line, lines

# Okabe & Ito 2008: told apart by readers with any colour vision; marks differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B6914")
MARKS = "osD^vP*X"
TOGETHER = 6
"""Lines with bands that a reader can tell apart in one picture."""


@dataclass(frozen=True)
class Group:
    """The finished runs of one table, by strategy."""

    table: Table
    runs: Mapping[str, Sequence[Matrices]]
    streams: Mapping[str, Sequence[Mapping[str, Line]]] = field(default_factory=dict)

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
    streams: dict[Table, dict[str, list[Mapping[str, Line]]]] = {}
    for run in runs:
        if run.records:
            table, strategy = run.origin.table, run.origin.strategy
            found.setdefault(table, {}).setdefault(strategy, []).append(of_records(run.records))
            if over_time := lines(run.records):
                streams.setdefault(table, {}).setdefault(strategy, []).append(over_time)
    return [Group(table, strategies, streams.get(table, {})) for table, strategies in sorted(found.items())]


def draw(group: Group, *, matrices: bool = True) -> dict[str, bytes]:
    """All plots of a table, as PNG files by name; with or without a picture of each strategy's accuracy matrix."""
    figures: dict[str, Callable[[], Figure | None]] = {
        "seen_accuracy.png": lambda: curves(group, "seen_accuracy", "Accuracy on the experiences learned so far"),
        "forgetting.png": lambda: curves(group, "forgetting_so_far", "Forgetting of the experiences learned so far"),
        "domain_and_heldout.png": lambda: domain_and_heldout(group),
        "prequential.png": lambda: over_time(group, "prequential", "Right before it was learned from", "percent", 100),
        "reward.png": lambda: over_time(group, "reward", "Rewards", "percent", 100),
        "kept_bytes.png": lambda: over_time(group, "kept_bytes_at", "Bytes kept between steps", "KiB", 1 / 1024),
    }
    if matrices:
        figures |= {f"matrix_{file_name(name)}.png": partial(matrix, group, name, runs) for name, runs in group.runs.items()}
    # One at a time: a figure that is open keeps its memory.
    return {name: png(figure) for name, make in figures.items() if (figure := make()) is not None}


@dataclass(frozen=True)
class Series:
    """A strategy over experiences: mean and deviation in percent where they are known; one step alone is a level line."""

    strategy: str
    steps: NDArray[np.int64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def curves(group: Group, what: str, title: str) -> Figure | None:
    """A strategy's numbers over experiences, with a band of one deviation: all in one picture, or where bands would cover each
    other, each in a panel of its own before the others in grey."""
    found = [series for strategy, runs in group.runs.items() if (series := _series(strategy, runs, what)) is not None]
    if not found:
        return None
    figure, panels = _panels(group, title, found)
    top = min(102.0, max(float((each.mean + each.std).max()) for each in found) + 3)
    order = list(group.runs)
    for axes, shown in panels:
        for series in found if len(panels) > 1 else ():
            _line(axes, series, {"color": "#D0D0D0", "linewidth": 0.8})
        for series in shown:
            _line(axes, series, line_style(order.index(series.strategy)), band=True, label=series.strategy)
        axes.set_xticks(range(1, 1 + max(int(each.steps.max()) for each in found)))
        axes.set_ylim(top=top)
    if len(panels) == 1:
        legend(panels[0][0])
    return figure


def _series(strategy: str, runs: Sequence[Matrices], what: str) -> Series | None:
    values = 100 * np.array([getattr(matrices, what)() for matrices in runs])
    mean, std = values.mean(axis=0), values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1])
    known = ~np.isnan(mean)
    steps = np.arange(1, values.shape[1] + 1)[known]
    return Series(strategy, steps, mean[known], std[known]) if known.any() else None


def _panels(group: Group, title: str, found: Sequence[Series]) -> tuple[Figure, list[tuple[Axes, Sequence[Series]]]]:
    """The axes of a picture, and which series each of them is about."""
    if len(found) <= TOGETHER:
        figure, axes = new_axes(group, title)
        axes.set_xlabel("experiences learned")
        axes.set_ylabel("percent")
        return figure, [(axes, found)]
    columns = min(6, len(found))
    rows, titles = -(-len(found) // columns), [stacked(series.strategy) for series in found]
    height = 1.7 + 0.12 * max(0, max(text.count("\n") for text in titles) - 1)
    figure, grid = plt.subplots(rows, columns, figsize=(1.9 * columns, 1.0 + height * rows), sharex=True, sharey=True,
                                squeeze=False, layout="constrained")  # fmt: skip
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    figure.supylabel("percent", fontsize=9)
    figure.supxlabel(f"experiences learned\n{group.subtitle}", fontsize=8, color="#555555")
    for axes in grid.flat[len(found) :]:
        axes.set_visible(False)
    for axes, text in zip(grid.flat, titles, strict=False):
        axes.set_title(text, fontsize=8.5 if "\n" not in text else 7, loc="left")  # overrides are long
        axes.tick_params(labelsize=7)
        tidy(axes)
    return figure, [(axes, [series]) for axes, series in zip(grid.flat, found, strict=False)]


def _line(axes: Axes, series: Series, style: dict[str, Any], *, band: bool = False, label: str | None = None) -> None:
    if len(series.steps) == 1 and series.steps[0] > 1:  # trained on everything at once: one number, at the end
        axes.axhline(series.mean[0], linestyle="-.", color=style["color"], linewidth=style.get("linewidth", 1.2), label=label)
        return
    axes.plot(series.steps, series.mean, **style, label=label)
    if band:
        low, high = series.mean - series.std, series.mean + series.std
        axes.fill_between(series.steps, low, high, color=style["color"], alpha=0.15, linewidth=0)


def line_style(number: int) -> dict[str, Any]:
    return {"color": _colour(number), "marker": _mark(number), "markersize": 4, "linewidth": 1.4}


def over_time(group: Group, metric: str, title: str, unit: str, factor: float) -> Figure | None:
    """A windowed value along the stream; where labels arrive, how many, as bars below."""
    found = {name: runs for name, runs in group.streams.items() if all(metric in run for run in runs)}
    if not found:
        return None
    figure, axes = new_axes(group, title)
    order = list(group.runs)
    for strategy, runs in found.items():
        values = factor * np.mean([run[metric].values for run in runs], axis=0)
        windows, colour = np.arange(1, len(values) + 1), _colour(order.index(strategy))
        axes.plot(windows, values, color=colour, linewidth=1.4, label=strategy)
    arrivals = next(iter(found.values()))[0].get("labels_arrived")
    if arrivals is not None:
        below = axes.twinx()
        below.bar(np.arange(1, len(arrivals.values) + 1), arrivals.values, color="#CCCCCC", alpha=0.5, zorder=0)
        below.set_ylim(0, 5 * max(1.0, float(arrivals.values.max())))
        below.set_ylabel("labels or rewards that arrive", fontsize=8, color="#777777")
        below.tick_params(labelsize=7, colors="#777777")
        below.spines[["top"]].set_visible(False)
        axes.set_zorder(below.get_zorder() + 1)
        axes.patch.set_visible(False)
    axes.set_xlabel("window of the stream")
    axes.set_ylabel(unit)
    columns = max(1, min(4, 110 // (8 + max(map(len, found)))))  # overrides make long names
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0.0, -0.16), ncols=columns)
    return figure


def draw_supervision(frame: pd.DataFrame) -> dict[str, bytes]:
    """Accuracy against delay and against the share of labels, one line a strategy, for each benchmark that was run so."""
    found = {}
    for axis, title in (("delay", "steps that a label is late"), ("share", "share of samples whose label arrives")):
        for base, part in frame[~frame["rewarding"]].groupby("base"):
            if part[axis].nunique() < 2:
                continue
            figure, axes = bare_axes(str(base))
            for number, (strategy, runs) in enumerate(part.groupby("strategy")):
                means = 100 * runs.groupby(axis)["accuracy"].mean()
                axes.plot(means.index, means, **line_style(number), label=strategy)
            axes.set_xscale("symlog" if axis == "delay" else "log")
            axes.set_xlabel(title)
            axes.set_ylabel("accuracy (prequential in a stream, else last), percent")
            legend(axes)
            found[f"{file_name(str(base))}_{axis}.png"] = png(figure)
    return found


def domain_and_heldout(group: Group) -> Figure | None:
    """What was won on the domain against what was kept of the held-out zero-shot accuracy, from the untouched backbone on."""
    first = next(iter(group.runs.values()))[0]
    if not first.heldout.size:
        return None
    figure, axes = new_axes(group, "Learned on the domain, kept of zero-shot")
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
    legend(axes)
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


def new_axes(group: Group, title: str) -> tuple[Figure, Axes]:
    """The axes of a picture of one table, which it names below."""
    figure, axes = bare_axes(title)
    figure.supxlabel(group.subtitle, fontsize=8, color="#555555")
    return figure, axes


def bare_axes(title: str) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
    axes.set_title(title, fontsize=12, loc="left")
    tidy(axes)
    return figure, axes


def tidy(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


LEGEND_ROWS = 19
"""Names that stand below each other in the height of a plot."""
LEGEND_LETTERS = 26
"""Letters of a name for which there is room beside a plot."""


def legend(axes: Axes) -> None:
    names = axes.get_legend_handles_labels()[1]
    columns, figure = -(-len(names) // LEGEND_ROWS), axes.get_figure(root=True)
    more = 2.0 * (columns - 1) + 0.08 * columns * max(0, max(map(len, names), default=0) - LEGEND_LETTERS)
    if figure is not None and more > 0:  # room for the names beside the plot, not in its place
        width, height = figure.get_size_inches()
        figure.set_size_inches(width + more, height)
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5), ncols=columns)


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _mark(number: int) -> str:
    """Moves on by one each time the colours begin anew, so that no two of the first 64 strategies look alike."""
    return MARKS[(number + number // len(COLOURS)) % len(MARKS)]


def stacked(strategy: str) -> str:
    """A name with each override on a line of its own; that a plugin is one goes without saying there."""
    name, _, overrides = strategy.partition("[")
    return "\n".join([name, *(each.removeprefix("plugins.") for each in overrides.rstrip("]").split(",") if each)])


def file_name(strategy: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "_-." else "_" for sign in strategy)
