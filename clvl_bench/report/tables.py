"""Tables: the summary as people read it, on a terminal and in Markdown."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import pandas as pd

from clvl_bench.metrics.continual import METRICS
from clvl_bench.metrics.online import STREAM
from clvl_bench.report.best import Best
from clvl_bench.report.further import LAST
from clvl_bench.report.paired import Compared
from clvl_bench.report.runs import Table
from clvl_bench.report.statistics import LEVEL, Interval
from clvl_bench.report.summary import COSTS, TRANSDUCTIVE, Cell

SHOWN = (
    "last",
    "transfer",
    "average",
    "incremental",
    "forgetting",
    "heldout",
    "heldout_degradation",
)
"""The metrics of the short table; summary.csv has all."""
OF_THE_FUTURE = ("transfer", "average")
"""ZSCL's, which also score what is not learned yet: columns only where that has candidates, so not
in label space `seen`."""
TOGETHER = "†"
"""Behind the name of a strategy that is transductive."""
TERMINAL = ("last", "incremental", "forgetting", "heldout")


def terminal_table(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """What fits on 80 columns: accuracies in percent, mean±deviation."""
    titles = ["Strategy", "Last", "Avg incr.", "Forget", "Held-out", "Kept", "n"]
    shown = list(TERMINAL)
    if (
        "prequential_mean" in frame
    ):  # of a stream, what it had right on its way says more than the mean over experiences
        titles[2], shown[1] = "Preq.", "prequential"
    rows = []
    for _, row in frame.iterrows():
        cells = [
            percent(Cell(row[f"{name}_mean"], row[f"{name}_std"], row["n"])).replace(" ", "")
            for name in shown
        ]
        n = str(row["n"]) if not row["failed"] else f"{row['n']}/{row['runs']}"
        kept = size(row["kept_bytes_mean"]).replace(" ", "")
        rows.append([shown_name(row), *cells, kept, n])
    return titles, rows


def short_table(
    frame: pd.DataFrame,
    letters: Mapping[str, str] | None = None,
    intervals: Mapping[str, Interval] | None = None,
) -> tuple[list[str], list[list[str]]]:
    """Column titles and rows of the table that people read: accuracies in percent, mean ± deviation
    of one run.
    """
    names = [
        name for name in SHOWN if name not in OF_THE_FUTURE or frame[f"{name}_mean"].notna().any()
    ]
    titles = [
        "Strategy",
        *(METRICS[name].title for name in names),
        *COSTS.values(),
        "Runs",
        "Streams",
    ]
    measured = bool(frame["of_joint"].notna().any())
    titles[2:2] = ["Alike", "Of joint", "95 %"] if measured else ["Alike", "95 %"]
    rows = []
    for _, row in frame.iterrows():
        cells = [percent(Cell(row[f"{name}_mean"], row[f"{name}_std"], row["n"])) for name in names]
        beside_last = [compact((letters or {}).get(row["strategy"], "–"))]
        if measured:
            beside_last.append(of_joint(row["of_joint"], row["joint"]))
        beside_last.append(half_width((intervals or {}).get(row["strategy"])))
        cells[1:1] = beside_last
        why = f": {row['reasons']}" if row["reasons"] else ""
        runs = (
            str(row["n"])
            if not row["failed"]
            else f"{row['n']}/{row['runs']} ({row['failed']} failed{why})"
        )
        costs = [
            plain(row["train_seconds_mean"], decimals=1),
            count(row["trained_parameters_mean"]),
            size(row["kept_bytes_mean"]),
            count(row["memory_samples_mean"]),
            plain(row["peak_memory_mib_mean"], decimals=0),
        ]
        rows.append(
            [
                shown_name(row),
                *cells,
                *costs,
                runs,
                streams(row["streams"], row["results"], row["n"]),
            ]
        )
    return titles, rows


def shown_name(row: "pd.Series[Any]") -> str:
    """The strategy, marked where its predictions depend on each other."""
    mark = f" {TOGETHER}" if row.get(TRANSDUCTIVE, False) else ""
    return f"{row['strategy']}{mark}"


def stream_table(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Column titles and rows of what online runs have beside the others."""
    titles = {name: metric.title for name, metric in STREAM.items()}
    return _beside(frame, titles, _stream_cell)


def further_table(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Column titles and rows of the metrics of samples that a benchmark asked for, in percent."""
    titles = {name: metric.title for name, metric in LAST.items()}
    return _beside(frame, titles, _percent_cell)


def _beside(
    frame: pd.DataFrame, titles: Mapping[str, str], shown: Callable[[str, Cell], str]
) -> tuple[list[str], list[list[str]]]:
    """A table of its own: of these metrics those that any strategy has."""
    names = [
        name for name in titles if f"{name}_mean" in frame and frame[f"{name}_mean"].notna().any()
    ]
    rows = []
    for _, row in frame.iterrows():
        cells = []
        for name in names:
            cell = Cell(row[f"{name}_mean"], row[f"{name}_std"], row["n"])
            cells.append(shown(name, cell))
        rows.append([row["strategy"], *cells])
    return ["Strategy", *(titles[name] for name in names)], rows


def _stream_cell(name: str, cell: Cell) -> str:
    return percent(cell) if STREAM[name].rate else count(cell.mean)


def _percent_cell(name: str, cell: Cell) -> str:
    return percent(cell)


def of_joint(part: float, joint: float) -> str:
    """A share of less than half is marked: the stream has kept most of what the adapter could have
    learned from it.
    """
    if math.isnan(part):
        return "–"
    return f"{100 * part:.0f} % of {100 * joint:.1f}" + (" !" if part < 0.5 else "")


def compact(letters: str) -> str:
    """abcdf -> a–df: three or more letters in a row are a range."""
    parts: list[str] = []
    for letter in letters:
        follows = bool(parts) and letter.isalpha() and ord(letter) == ord(parts[-1][-1]) + 1
        if follows:
            parts[-1] += letter
        else:
            parts.append(letter)
    return "".join(part if len(part) < 3 else f"{part[0]}–{part[-1]}" for part in parts)


def half_width(interval: Interval | None) -> str:
    """± and half the width of an interval, in percent."""
    if interval is None or math.isnan(interval.half):
        return "–"
    return f"± {100 * interval.half:.1f}"


def streams(orders: int, results: int, runs: int) -> str:
    """How many class orders, and how many results where some are equal."""
    if results == runs:
        return str(orders)
    return f"{orders}, {results} distinct result{'s' if results > 1 else ''}"


def percent(cell: Cell) -> str:
    if math.isnan(cell.mean):
        return "–"
    return (
        f"{100 * cell.mean:.1f}"
        if math.isnan(cell.std)
        else f"{100 * cell.mean:.1f} ± {100 * cell.std:.1f}"
    )


def plain(number: float, *, decimals: int) -> str:
    return "–" if math.isnan(number) else f"{number:.{decimals}f}"


def count(number: float) -> str:
    """1234567 -> 1.2M"""
    if math.isnan(number):
        return "–"
    for unit, value in (("M", 1e6), ("k", 1e3)):
        if number >= value:
            return f"{number / value:.1f}{unit}"
    return f"{number:.0f}"


def size(number: float) -> str:
    """1536 -> 1.5 KiB"""
    if math.isnan(number):
        return "–"
    for unit, value in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if number >= value:
            return f"{number / value:.1f} {unit}"
    return f"{number:.0f} B"


TITLES: dict[str, str] = {
    name: metric.title for table in (METRICS, STREAM, LAST) for name, metric in table.items()
}
BEST, ALIKE = "best", "alike"

Marks = Mapping[tuple[str, str], str]
"""How a cell is marked, by strategy and column title: `best`, or `alike` where it cannot be told
apart from the best."""


def marks_of(best: Mapping[str, Best]) -> Marks:
    """The marks of a table, from the best of each metric."""
    found = {}
    for metric, each in best.items():
        title = TITLES[metric]
        found[each.strategy, title] = BEST
        for strategy in each.alike:
            found[strategy, title] = ALIKE
    return found


def markdown(
    frame: pd.DataFrame,
    compared: Mapping[Table, Compared],
    *,
    best: Mapping[Table, Mapping[str, Best]] | None = None,
    notes: Mapping[Table, str] | None = None,
    prompts: Mapping[Table, str] | None = None,
    positives: Mapping[Table, Sequence[str]] | None = None,
) -> str:
    """One table for each benchmark, label space and backbone; no two of these ever share one.

    Args:
        best: marks the best of each metric, and what cannot be told apart from it.
        notes: a sentence above each table.
        prompts: a sentence below it, on the prompts that its zero-shot numbers are of.
        positives: the names of the classes that metrics of two classes are about.
    """
    parts = []
    for (benchmark, label_space, backbone), part in frame.groupby(
        ["benchmark", "label_space", "backbone"], sort=False
    ):
        key = (str(benchmark), str(label_space), str(backbone))
        note = (notes or {}).get(key, "")
        found = compared.get(key)
        marks = marks_of((best or {}).get(key, {}))
        titles, rows = (
            short_table(part)
            if found is None
            else short_table(part, found.letters, found.intervals)
        )
        table = _markdown_table(titles, rows, marks)
        stream = stream_table(part)
        if len(stream[0]) > 1:
            streamed = _markdown_table(*stream, marks)
            table += f"\n\nThe stream, sample by sample:\n\n{streamed}"
        table += _further(part, marks, (positives or {}).get(key, ()))
        if found is not None:
            table += f"\n\n{told_apart(found)}"
        if told := (prompts or {}).get(key):
            table += f"\n\n{escaped(told)}"
        heading = f"## {escaped(key[0])}, label space `{label_space}`, backbone `{escaped(key[2])}`"
        parts.append("\n\n".join(filter(None, [heading, note and f"**{note}**", table])) + "\n")
    more = TOGETHER_NOTES if TRANSDUCTIVE in frame else ""
    more += STREAM_NOTES if any(f"{name}_mean" in frame for name in STREAM) else ""
    more += FURTHER_NOTES if any(f"{name}_mean" in frame for name in LAST) else ""
    return "\n".join(parts) + "\n" + NOTES + more


def _further(part: pd.DataFrame, marks: Marks, positive: Sequence[str]) -> str:
    """The table of what the benchmark asked for, and which class is the positive one."""
    titles, rows = further_table(part)
    if len(titles) == 1:
        return ""
    table = f"\n\nAlso recorded, at the end:\n\n{_markdown_table(titles, rows, marks)}"
    of_two = any(LAST[name].title in titles for name in LAST if LAST[name].two_classes)
    if of_two and positive:
        table += f"\n\nThe positive class is {' or '.join(map(escaped, positive))}."
    return table


def told_apart(found: Compared) -> str:
    """How many pairs of a table are told apart, and what this many runs could have shown."""
    known = [pair for pair in found.differences if pair.runs]
    if not known:
        return "No two strategies have a run in common: nothing is compared."
    apart = sum(pair.p_holm < LEVEL for pair in known)
    alone = 100 * median(pair.detectable for pair in known)
    among_all = 100 * median(pair.detectable_holm for pair in known)
    orders = sorted({pair.orders for pair in known})
    one_order = (
        " All runs have one class order: nothing is said about others." if orders == [1] else ""
    )
    return (
        f"Of {len(known)} pairs {apart} are told apart. In half of the pairs a true difference of "
        f"{alone:.1f} points would have been seen four times in five if it were the only pair, "
        f"{among_all:.1f} points at the first step of Holm's correction.{one_order}"
    )


def _markdown_table(titles: list[str], rows: list[list[str]], marks: Marks) -> str:
    lines = [_line(titles), _line(["---", *["---:"] * (len(titles) - 1)])]
    for row in rows:
        strategy = row[0].removesuffix(f" {TOGETHER}")
        cells = [
            _marked(escaped(cell), marks.get((strategy, title)))
            for title, cell in zip(titles, row, strict=True)
        ]
        lines.append(_line(cells))
    return "\n".join(lines)


def _marked(cell: str, mark: str | None) -> str:
    if mark == BEST:
        return f"**{cell}**"
    return f"{cell} ≈" if mark == ALIKE else cell


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


NOTES = """Plots: in `plots/` beside this file, once `clvl-bench report` has drawn them.

Bold is the best of a column, ≈ what cannot be told apart from it; training on more than the experience at hand (joint,
cumulative) is there to be measured against and is never called the best. Accuracies in percent, mean ± standard deviation of one run, taken from runs that share neither seed nor class
order; every class order counts alike, however many seeds it was run with. – is undefined, never zero: forgetting needs two
learned experiences, and joint training has no rows between the first and the last.
Last is the mean accuracy over all experiences at the end; Avg incr. the accuracy on those learned so far, averaged over the
stream; Transfer and Avg are ZSCL's: accuracy on experiences before they are learned, and on all experiences, learned or not.
Held-out is the mean final accuracy on datasets that are never trained on; zero-shot loss is what the untouched backbone
had there minus that. Trained is the number of parameters that the optimiser moves; train s is seconds, peak MiB the process's
memory. Kept is every byte that outlives an experience, the public backbone excepted; samples are those of the past among them,
as images, features or with logits. Runs is how many finished; of failed ones it says how many and why. Streams is the number
of class orders among them, and of distinct results where runs came out equal: a seed that changes nothing tells nothing.
95 % is half the width of the interval that holds the accuracy over all test samples with other class orders, seeds and
samples of the same kind. Alike: strategies that share a letter cannot be told apart in that accuracy (t-tests on the runs and
samples that both have, with class orders as clusters, Holm's correction over all pairs of the table, 5 percent); of three
orders these have about two degrees of freedom and tell little apart. a–d are the letters a to d. differences.csv has every
pair with its interval, and the smallest difference that would have been seen.
Of joint: the share that a strategy makes of the gain over zero-shot of joint training of the same adapter, and what that
reaches; ! marks less than half.
"""
TOGETHER_NOTES = f"""{TOGETHER} is transductive: all test images of an experience are predicted together, without their labels; the other
rows predict each image by itself.
"""
STREAM_NOTES = """Prequential is the share of samples predicted right before they were learned from, near future the same for
samples some steps later; last label and majority are what the label that arrived last, or most often, would have had right.
Of the labels so many were used, were due behind the end of the stream, never arrive, or were lost because their sample had to
go. Pseudo right is the share of the kept pseudo-labels that are right, pseudo share that of unlabelled samples that got one.
"""


FURTHER_NOTES = """What is also recorded is a mean over the test experiences at the end, in percent. Balanced accuracy is the mean sensitivity of
the classes, macro F1 their mean F1. ECE is the gap between confidence and accuracy, in 15 bins of equal width: less is better.
AUC, sensitivity, specificity and F1 are of the positive class, the second of the two that the dataset lists: sensitivity is the
share of its samples that were recognised, specificity that of the other class's samples.
"""


def escaped(text: str) -> str:
    """Names come from users' files: nothing in them may act as markup."""
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, "\\" + sign) if sign != "_" else text
    return text
