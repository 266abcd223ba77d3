"""Figures: what all pictures of a report share: runs by table, names below and beside, colours,
room for long names.

Each picture states its benchmark, label space, backbone and number of runs, and calls a toy a toy.
"""

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray

matplotlib.use("Agg")  # pictures are written, never shown: no display is needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clvl_bench.report.ceilings import JOINT
from clvl_bench.report.design import RunAt
from clvl_bench.report.matrices import Matrices, of_records
from clvl_bench.report.order import Place, by_value
from clvl_bench.report.overrides import parts_of, shared_overrides, without
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.streams import Line, lines

# Okabe & Ito 2008: told apart by readers with any colour vision; marks differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B6914")
MARKS = "osD^vP*X"
BLUE, RED, GREY = COLOURS[0], COLOURS[1], "#767676"
"""What is to be looked at, what measures the others, and what is behind; all readable on white."""

matplotlib.rcParams["svg.hashsalt"] = "clvl_bench"  # equal data give equal ids, so equal bytes
matplotlib.rcParams["svg.fonttype"] = "none"  # words stay words: small files, and searchable


@dataclass(frozen=True)
class PlottedTable:
    """What is drawn of one table: the matrices and the streams of its finished runs, by
    strategy.

    `places` says where each of these runs stands in the design; without it each is a stream of its
    own. `at_once` are the strategies that learned the whole stream in one training, `references`
    these and others that train on more than the experience at hand. `experience_names` are the
    classes of each experience, where all runs meet the same ones.
    """

    table: Table
    runs: Mapping[str, Sequence[Matrices]]
    streams: Mapping[str, Sequence[Mapping[str, Line]]] = field(default_factory=dict)
    places: Mapping[str, Sequence[RunAt]] = field(default_factory=dict)
    at_once: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    experience_names: tuple[str, ...] = ()

    @property
    def subtitle(self) -> str:
        told = subtitle(self.table, map(len, self.runs.values()))
        return f"{told}; all with {', '.join(self.shared)}" if self.shared else told

    @cached_property
    def at_one_time(self) -> bool:
        """Whether the stream is one experience: nothing in it goes over time."""
        return all(run.test.shape[1] == 1 for runs in self.runs.values() for run in runs)

    @property
    def shared(self) -> tuple[str, ...]:
        """The overrides that all strategies have: said once, and not behind every name."""
        return shared_overrides((*self.runs, *self.streams))

    def label(self, strategy: str) -> str:
        """The name of a strategy, without what all have."""
        return without(strategy, self.shared)

    def places_of(self, strategy: str) -> Sequence[RunAt]:
        """Where each run of a strategy stands."""
        known = self.places.get(strategy)
        if known is not None:
            return known
        return [RunAt(number, number) for number in range(len(self.runs[strategy]))]


def subtitle(table: Table, repetitions: Iterable[int]) -> str:
    """What stands below a picture of a table whose strategies have so many runs each."""
    benchmark, label_space, backbone = table
    numbers = sorted(set(repetitions))
    several = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    runs = "run" if several == "1" else "runs"
    toy = ", a toy" if backbone == "tiny" else ""
    where = f"{benchmark}, label space {label_space}, backbone {backbone}{toy}"
    return f"{where}; {several} {runs} each"


def table_names(tables: Iterable[Table], parts: int) -> dict[Table, str]:
    """What files of each table are called: by its first so many parts, and where several tables
    share these, by all.
    """
    every = list(tables)
    shared = Counter(table[:parts] for table in every)
    found = {}
    for table in every:
        told = table[:parts] if shared[table[:parts]] == 1 else table
        found[table] = file_name("-".join(told))
    return found


def plotted_tables(runs: Sequence[Run]) -> list[PlottedTable]:
    """Finished runs by table and strategy, swept values in their order."""
    by_table: dict[Table, list[Run]] = {}
    for run in sorted(runs, key=_place):
        if run.records:
            by_table.setdefault(run.origin.table, []).append(run)
    return [_plotted(table, by_table[table]) for table in sorted(by_table)]


def _plotted(table: Table, runs: Sequence[Run]) -> PlottedTable:
    """One table, whose runs stand in their order."""
    matrices: dict[str, list[Matrices]] = {}
    streams: dict[str, list[Mapping[str, Line]]] = {}
    places: dict[str, list[RunAt]] = {}
    trained_on: dict[str, str] = {}
    for run in runs:
        strategy = run.origin.strategy
        matrices.setdefault(strategy, []).append(of_records(run.records))
        places.setdefault(strategy, []).append(RunAt(run.origin.class_order, run.origin.seed))
        trained_on[strategy] = run.origin.train_data
        over_time = lines(run.records)
        if over_time:
            streams.setdefault(strategy, []).append(over_time)
    at_once = {name for name, data in trained_on.items() if data == JOINT}
    more = {name for name, data in trained_on.items() if data not in ("", "experience")}
    return PlottedTable(
        table, matrices, streams, places, at_once=frozenset(at_once), references=frozenset(more)
    )


def _place(run: Run) -> Place:
    return by_value(run.origin.strategy)


Pictures = Iterator[tuple[str, Figure]]
"""Figures and the names of their files, without a suffix. Whoever takes one closes it."""

METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
"""The formats that pictures may have, and what is left out of each: a date or a version in it would
make other bytes of equal data."""


def drawn(figure: Figure, formats: Iterable[str]) -> dict[str, bytes]:
    """The picture in each format; the figure is closed: one that is open keeps its memory."""
    pictures = {}
    for name in formats:
        data = io.BytesIO()
        figure.savefig(data, format=name, dpi=130, metadata=METADATA[name])
        pictures[name] = data.getvalue()
    plt.close(figure)
    return pictures


def new_axes(title: str, below: str) -> tuple[Figure, Axes]:
    """The axes of a picture, with a title and a subtitle."""
    figure, axes = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
    axes.set_title(title, fontsize=12, loc="left")
    figure.supxlabel(wrapped(below, 7.2), fontsize=8, color="#555555")
    tidy(axes)
    return figure, axes


PART_OF_AXIS = "axis does not begin at 0"
"""What an axis says of itself that shows a part of its range."""


SHORT_LABEL = 24
"""Letters of a label behind which there is room for more on the same line."""


def percent_label(text: str, lowest: float) -> str:
    """The label of an axis of percentages, which says so where it does not begin at zero."""
    if lowest <= 0:
        return text
    between = " " if len(text) <= SHORT_LABEL else "\n"
    return f"{text}{between}({PART_OF_AXIS})"


LETTERS_AN_INCH = 15
"""Of a subtitle."""


def wrapped(told: str, inches: float) -> str:
    """A subtitle in lines that a picture of this width has room for, cut behind semicolons."""
    lines = [""]
    for part in told.split("; "):
        longer = f"{lines[-1]}; {part}" if lines[-1] else part
        if len(longer) > LETTERS_AN_INCH * inches and lines[-1]:
            lines[-1] += ";"
            lines.append(part)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def layers(values: Sequence[NDArray[np.float64]]) -> list[int]:
    """For each line how many later ones run exactly on it.

    Such lines would vanish below the last of them. Drawn so many steps wider, each shows as a rim.
    """
    found = []
    for place, line in enumerate(values):
        later = values[place + 1 :]
        found.append(sum(_coincide(line, other) for other in later))
    return found


def _coincide(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    if one.shape != other.shape:
        return False
    span = max(float(np.ptp(one)), 1e-12)
    return bool(np.allclose(one, other, rtol=0.002, atol=0.002 * span, equal_nan=True))


def widened(style: Mapping[str, Any], layer: int) -> dict[str, Any]:
    """A line's style with room for so many lines on top of it."""
    wide = dict(style)
    wide["linewidth"] = style.get("linewidth", 1.4) + 1.8 * layer
    if "markersize" in style:
        wide["markersize"] = style["markersize"] + 2.4 * layer
    return wide


def tidy(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


LEGEND_ROWS = 19
"""Names that stand below each other in the height of a plot."""
LEGEND_LETTERS = 26
"""Letters of a name for which there is room beside a plot."""


def legend(axes: Axes) -> None:
    """Names beside a plot. The picture grows by what they need, so that the plot keeps its
    width.
    """
    labels = axes.get_legend_handles_labels()[1]
    columns = -(-len(labels) // LEGEND_ROWS)
    too_long = max(0, max(map(len, labels), default=0) - LEGEND_LETTERS)
    more = 2.0 * (columns - 1) + 0.08 * columns * too_long
    figure = axes.get_figure(root=True)
    if figure is not None and more > 0:
        width, height = figure.get_size_inches()
        figure.set_size_inches(width + more, height)
    axes.legend(
        frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5), ncols=columns
    )


def line_style(number: int) -> dict[str, Any]:
    return {"color": colour(number), "marker": mark(number), "markersize": 4, "linewidth": 1.4}


def colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def mark(number: int) -> str:
    """Moves on by one each time the colours begin anew, so that no two of the first 64 strategies
    look alike.
    """
    return MARKS[(number + number // len(COLOURS)) % len(MARKS)]


def stacked(strategy: str) -> str:
    """A name with each override on a line of its own; that a plugin is one goes without saying
    there.
    """
    name, overrides = parts_of(strategy)
    return "\n".join([name, *(each.removeprefix("plugins.") for each in overrides)])


def file_name(strategy: str) -> str:
    """Signs that some file system does not take become underscores."""
    return "".join(sign if sign.isalnum() or sign in "_-." else "_" for sign in strategy)
