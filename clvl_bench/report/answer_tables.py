"""Answer tables: the scores of answers as people read them, one row a strategy; and the same as a
tidy frame.
"""

from collections.abc import Sequence

import pandas as pd

from clvl_bench.report.answers import CANDIDATE, CEILING, OVERALL, Answered
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


def per_run(runs: Sequence[Run]) -> pd.DataFrame:
    """One row for each run and group: strategy, seed, group, name, accuracy, n; after the last
    experience.
    """
    rows = []
    for run in runs:
        if run.answered is None:
            continue
        last = max(score.trained for score in run.answered.scores)
        for score in run.answered.scores:
            if score.trained == last:
                origin = run.origin
                rows.append(
                    (
                        *origin.table,
                        origin.strategy,
                        origin.run,
                        score.group,
                        score.name,
                        score.right / score.n,
                        score.n,
                    )
                )
    columns = [
        "benchmark",
        "label_space",
        "backbone",
        "strategy",
        "run",
        "group",
        "name",
        "accuracy",
        "n",
    ]
    return pd.DataFrame(rows, columns=columns).sort_values(
        columns[:4], key=by_values, kind="stable"
    )


def mean_over_types(found: Answered) -> float:
    """AA of Lobry et al. 2020: the mean of the accuracies of the types, each type counted once."""
    last = max(score.trained for score in found.scores)
    types = [
        score.right / score.n
        for score in found.scores
        if score.group == "type" and score.trained == last
    ]
    return sum(types) / len(types)


def markdown(runs: Sequence[Run]) -> str:
    """Two tables for each benchmark, label space and backbone: overall, open, closed; and type by
    type.
    """
    frame = per_run(runs)
    if frame.empty:
        return ""
    balanced = {
        run.origin.run: mean_over_types(run.answered) for run in runs if run.answered is not None
    }
    parts = []
    for (benchmark, label_space, backbone), part in frame.groupby(
        ["benchmark", "label_space", "backbone"], sort=False
    ):
        where = (
            f"{escaped(str(benchmark))}, label space `{label_space}`, backbone "
            f"`{escaped(str(backbone))}`"
        )
        ceiling = part[part["group"] == CEILING]["accuracy"].iloc[0]
        head = (
            f"## Answers: {where}\n\nCeiling {100 * ceiling:.1f}: the share of test questions "
            f"whose answer is a candidate.\n"
        )
        parts += [
            head,
            _table(part, _main_columns(part), balanced),
            _table(part, _columns(part, "type"), None),
        ]
    return (
        "\n".join(parts) + "\n" + NOTES + (OWN_WORDS if (frame["group"] == CANDIDATE).any() else "")
    )


def _main_columns(part: pd.DataFrame) -> list[tuple[str, str, str]]:
    said = [("A candidate", CANDIDATE, "")] if (part["group"] == CANDIDATE).any() else []
    groups = (
        column
        for group in ("answer_type", "seen", "combination")
        for column in _columns(part, group)
    )
    return [("Overall", OVERALL, ""), *groups, *said]


def _columns(part: pd.DataFrame, group: str) -> list[tuple[str, str, str]]:
    """Title, group and name of each column; the number of questions stands in the title."""
    found = part[part["group"] == group].drop_duplicates("name")
    return [
        (f"{name} ({n})", group, name) for name, n in zip(found["name"], found["n"], strict=True)
    ]


def _table(
    part: pd.DataFrame, columns: Sequence[tuple[str, str, str]], balanced: dict[str, float] | None
) -> str:
    titles = [
        "Strategy",
        *(title for title, _, _ in columns),
        *([] if balanced is None else ["Mean over types"]),
    ]
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)]]
    for strategy, mine in part.groupby("strategy", sort=False):
        cells = [
            _cell(mine[(mine["group"] == group) & (mine["name"] == name)]["accuracy"].tolist())
            for _, group, name in columns
        ]
        if balanced is not None:
            cells.append(_cell([balanced[run] for run in sorted(set(mine["run"]))]))
        lines.append([str(strategy), *(percent(cell) for cell in cells)])
    return (
        "\n".join("| " + " | ".join(escaped(cell) for cell in line) + " |" for line in lines) + "\n"
    )


def _cell(values: list[float]) -> Cell:
    return over_runs(values)
