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
from clvl_bench.report.order import by_value
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.streams import Line, lines

# Okabe & Ito 2008: told apart by readers with any colour vision; marks differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B6914")
MARKS = "osD^vP*X"


@dataclass(frozen=True)
class Group:
    """The finished runs of one table, by strategy."""

    table: Table
    runs: Mapping[str, Sequence[Matrices]]
    streams: Mapping[str, Sequence[Mapping[str, Line]]] = field(default_factory=dict)

    @property
    def subtitle(self) -> str:
        return subtitle(self.table, map(len, self.runs.values()))


def subtitle(table: Table, repetitions: Iterable[int]) -> str:
    """What stands below a picture of a table whose strategies have so many runs each."""
    (benchmark, label_space, backbone), numbers = table, sorted(set(repetitions))
    several = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    toy = ", a toy" if backbone == "tiny" else ""
    return (
        f"{benchmark}, label space {label_space}, backbone {backbone}{toy}; {several} "
        f"run{'s' * (several != '1')} each"
    )


def names(tables: Iterable[Table], parts: int) -> dict[Table, str]:
    """What files of each table are called: by its first so many parts, and where several tables
    share these, by all.
    """
    every = list(tables)
    shared = Counter(table[:parts] for table in every)
    return {
        table: file_name("-".join(table[: parts if shared[table[:parts]] == 1 else len(table)]))
        for table in every
    }


def groups(runs: Sequence[Run]) -> list[Group]:
    """Finished runs by table and strategy, swept values in their order."""
    found: dict[Table, dict[str, list[Matrices]]] = {}
    streams: dict[Table, dict[str, list[Mapping[str, Line]]]] = {}
    for run in sorted(runs, key=lambda run: by_value(run.origin.strategy)):
        if run.records:
            table, strategy = run.origin.table, run.origin.strategy
            found.setdefault(table, {}).setdefault(strategy, []).append(of_records(run.records))
            if over_time := lines(run.records):
                streams.setdefault(table, {}).setdefault(strategy, []).append(over_time)
    return [
        Group(table, strategies, streams.get(table, {}))
        for table, strategies in sorted(found.items())
    ]


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
    names = axes.get_legend_handles_labels()[1]
    columns, figure = -(-len(names) // LEGEND_ROWS), axes.get_figure(root=True)
    more = 2.0 * (columns - 1) + 0.08 * columns * max(
        0, max(map(len, names), default=0) - LEGEND_LETTERS
    )
    if figure is not None and more > 0:  # room for the names beside the plot, not in its place
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
    name, _, overrides = strategy.partition("[")
    return "\n".join(
        [
            name,
            *(each.removeprefix("plugins.") for each in overrides.rstrip("]").split(",") if each),
        ]
    )


def file_name(strategy: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "_-." else "_" for sign in strategy)
