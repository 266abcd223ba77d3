"""Answer tables: the scores of answers as people read them, one row a strategy; and the same as a
tidy frame.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from clvl_bench.report.answers import CANDIDATE, CEILING, OVERALL, Answered, Score
from clvl_bench.report.order import by_values
from clvl_bench.report.runs import Run
from clvl_bench.report.summary import Cell, over_runs
from clvl_bench.report.tables import escaped, percent

NOTES = """Shares of test questions after the last experience, in percent, mean ± standard deviation over runs. Overall counts
questions (OA), the mean over types counts types (AA). Open and closed are what the data call a question. An answer that was
never given in training can only be right where it is a candidate; what is no candidate counts as wrong, and the ceiling is what
is left. A combination is a skill (what the questions ask) with a concept (what the pictures are); held-out ones were never
trained on together. answers_blind sees no image, answers_majority not even the words: read every row against theirs.
"""
OWN_WORDS = (
    "Of a model that answers in its own words, A candidate is the share of answers that "
    "are one; all others are wrong.\n"
)


COLUMNS = (
    "benchmark",
    "label_space",
    "backbone",
    "strategy",
    "run",
    "group",
    "name",
    "accuracy",
    "n",
)
TABLE = ["benchmark", "label_space", "backbone"]
BY_NUMBER = ("answer_type", "seen", "combination")
"""The groups whose columns stand behind the overall one."""


def scores_per_run(runs: Sequence[Run]) -> pd.DataFrame:
    """One row for each run and group: strategy, seed, group, name, accuracy, n; after the last
    experience.
    """
    rows = []
    for run in runs:
        if run.answered is None:
            continue
        where = (*run.origin.table, run.origin.strategy, run.origin.run)
        for score in _last_scores(run.answered):
            accuracy = score.right / score.n
            rows.append((*where, score.group, score.name, accuracy, score.n))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values([*TABLE, "strategy"], key=by_values, kind="stable")


def _last_scores(found: Answered) -> list[Score]:
    """Those after the last experience."""
    last = max(score.trained for score in found.scores)
    return [score for score in found.scores if score.trained == last]


def mean_over_types(found: Answered) -> float:
    """AA of Lobry et al. 2020: the mean of the accuracies of the types, each type counted once."""
    types = [score.right / score.n for score in _last_scores(found) if score.group == "type"]
    return sum(types) / len(types)


def markdown(runs: Sequence[Run]) -> str:
    """Two tables for each benchmark, label space and backbone: overall, open, closed; and type by
    type.
    """
    frame = scores_per_run(runs)
    if frame.empty:
        return ""
    balanced = {}
    for run in runs:
        if run.answered is not None:
            balanced[run.origin.run] = mean_over_types(run.answered)
    parts = []
    for where, part in frame.groupby(TABLE, sort=False):
        benchmark, label_space, backbone = map(str, where)
        parts.append(_head(benchmark, label_space, backbone, part))
        parts.append(_table(part, _main_columns(part), balanced))
        parts.append(_table(part, _columns(part, "type"), None))
    notes = NOTES + OWN_WORDS if (frame["group"] == CANDIDATE).any() else NOTES
    return "\n".join(parts) + "\n" + notes


def _head(benchmark: str, label_space: str, backbone: str, part: pd.DataFrame) -> str:
    where = f"{escaped(benchmark)}, label space `{label_space}`, backbone `{escaped(backbone)}`"
    ceiling = part[part["group"] == CEILING]["accuracy"].iloc[0]
    return (
        f"## Answers: {where}\n\nCeiling {100 * ceiling:.1f}: the share of test questions "
        f"whose answer is a candidate.\n"
    )


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, and the group of questions that it is about."""

    title: str
    group: str
    name: str = ""


def _main_columns(part: pd.DataFrame) -> list[Column]:
    columns = [Column("Overall", OVERALL)]
    for group in BY_NUMBER:
        columns += _columns(part, group)
    if (part["group"] == CANDIDATE).any():
        columns.append(Column("A candidate", CANDIDATE))
    return columns


def _columns(part: pd.DataFrame, group: str) -> list[Column]:
    """One for each name of a group; the number of questions stands in the title."""
    found = part[part["group"] == group].drop_duplicates("name")
    names = zip(found["name"], found["n"], strict=True)
    return [Column(f"{name} ({n})", group, name) for name, n in names]


def _table(
    part: pd.DataFrame, columns: Sequence[Column], balanced: Mapping[str, float] | None
) -> str:
    """A row a strategy; with the mean over types of each run, one more column."""
    titles = ["Strategy", *(column.title for column in columns)]
    if balanced is not None:
        titles.append("Mean over types")
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)]]
    for strategy, mine in part.groupby("strategy", sort=False):
        cells = [_over_runs_of(mine, column) for column in columns]
        if balanced is not None:
            runs = sorted(set(mine["run"]))
            cells.append(over_runs([balanced[run] for run in runs]))
        lines.append([str(strategy), *(percent(cell) for cell in cells)])
    return "".join(_line(line) for line in lines)


def _over_runs_of(part: pd.DataFrame, column: Column) -> Cell:
    rows = part[(part["group"] == column.group) & (part["name"] == column.name)]
    return over_runs(rows["accuracy"].tolist())


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |\n"
