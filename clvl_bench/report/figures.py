"""Figures: what all pictures of a report share: runs by table, names below and beside, colours,
room for long names.

Each picture states its benchmark, label space, backbone and number of runs, and calls a toy a toy.
"""

import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib

matplotlib.use("Agg")  # pictures are written, never shown: no display is needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clvl_bench.report.matrices import Matrices, of_records
from clvl_bench.report.order import Place, by_value
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.streams import Line, lines

# Okabe & Ito 2008: told apart by readers with any colour vision; marks differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B6914")
MARKS = "osD^vP*X"


@dataclass(frozen=True)
class PlottedTable:
    """What is drawn of one table: the matrices and the streams of its finished runs, by
    strategy.
    """

    table: Table
    runs: Mapping[str, Sequence[Matrices]]
    streams: Mapping[str, Sequence[Mapping[str, Line]]] = field(default_factory=dict)

    @property
    def subtitle(self) -> str:
        return subtitle(self.table, map(len, self.runs.values()))


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
    matrices: dict[Table, dict[str, list[Matrices]]] = {}
    streams: dict[Table, dict[str, list[Mapping[str, Line]]]] = {}
    for run in sorted(runs, key=_place):
        if not run.records:
            continue
        table = run.origin.table
        strategy = run.origin.strategy
        of_table = matrices.setdefault(table, {})
        of_table.setdefault(strategy, []).append(of_records(run.records))
        over_time = lines(run.records)
        if over_time:
            streams.setdefault(table, {}).setdefault(strategy, []).append(over_time)
    return [
        PlottedTable(table, matrices[table], streams.get(table, {})) for table in sorted(matrices)
    ]


def _place(run: Run) -> Place:
    return by_value(run.origin.strategy)


def png(figure: Figure) -> bytes:
    """The picture, without a date in it, so that equal data give equal bytes."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=130, metadata={"Software": None})
    plt.close(figure)
    return data.getvalue()


def new_axes(title: str, below: str) -> tuple[Figure, Axes]:
    """The axes of a picture, with a title and a subtitle."""
    figure, axes = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
    axes.set_title(title, fontsize=12, loc="left")
    figure.supxlabel(below, fontsize=8, color="#555555")
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
    name, _, inside = strategy.partition("[")
    overrides = [each for each in inside.rstrip("]").split(",") if each]
    return "\n".join([name, *(each.removeprefix("plugins.") for each in overrides)])


def file_name(strategy: str) -> str:
    """Signs that some file system does not take become underscores."""
    return "".join(sign if sign.isalnum() or sign in "_-." else "_" for sign in strategy)
