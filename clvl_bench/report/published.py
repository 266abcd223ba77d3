"""Published: our numbers beside those of a paper, row by row.

A file of published numbers is a table with the columns benchmark, strategy and source, where it
matters backbone, and one for each metric, in percent; or matrices (`published_matrices`), of which
our metrics make such a table. Where a published name has overrides in brackets, ours must have the
same ones; else names are compared without them, and what differs from the name's own settings
stands in our summary.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from clvl_bench.core.errors import Mistake
from clvl_bench.metrics.continual import METRICS
from clvl_bench.report.published_matrices import read_matrices

KEYS = ("benchmark", "strategy", "source")
BACKBONE = "backbone"
"""A column that a file may have: numbers of one backbone beside those of another."""


def read_published(path: Path) -> pd.DataFrame:
    """A file of published numbers.

    Raises:
        Mistake: it is not there, or not such a table.
    """
    if path.suffix == ".json":
        return _of_matrices(path)
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys((*KEYS, BACKBONE), str))
    except FileNotFoundError:
        raise Mistake(
            f"--beside {path}: no such file; give a table of results/published by its name, as "
            f"zscl_mtil, or a CSV of your own"
        ) from None
    except (OSError, ValueError) as error:
        raise Mistake(
            f"--beside {path}: cannot be read as a table ({str(error).splitlines()[0]})"
        ) from None
    wrong = _wrong_column([str(column) for column in frame.columns]) or _wrong_cell(frame)
    if wrong:
        raise Mistake(
            f"--beside {path}: {wrong}; columns are {', '.join(KEYS)}, where it matters "
            f"{BACKBONE}, and metrics: {', '.join(METRICS)}"
        )
    return frame


def _of_matrices(path: Path) -> pd.DataFrame:
    """A row for each run of which our metrics give what the authors print."""
    told = read_matrices(path)
    rows = [
        {
            "benchmark": run.benchmark,
            "strategy": run.strategy,
            "backbone": run.backbone,
            "source": told.source,
            **run.figures,
        }
        for run in told.runs
        if run.metrics
    ]
    return pd.DataFrame(rows)


def _wrong_column(columns: Sequence[str]) -> str:
    """What is wrong with the columns of a file, in a few words; nothing if they are right."""
    unknown = [column for column in columns if column not in (*KEYS, BACKBONE, *METRICS)]
    if unknown:
        return f"unknown column '{unknown[0]}'"
    missing = sorted(set(KEYS) - set(columns))
    return f"no column '{missing[0]}'" if missing else ""


def _wrong_cell(frame: pd.DataFrame) -> str:
    """What is wrong with the rows of a file, in a few words; nothing if they are right."""
    if frame.empty:
        return "it has no rows"
    for column in frame.columns:
        is_text = column in (*KEYS, BACKBONE)
        for row, cell in enumerate(frame[column], start=1):
            if is_text and not isinstance(cell, str):
                return f"row {row} has no {column}"
            if not is_text and not _is_number(cell):
                return f"row {row}: its {column} is '{str(cell)[:20]}' and no percentage"
    return ""


def _is_number(cell: object) -> bool:
    """Whether a cell is a number, or empty."""
    if isinstance(cell, bool | str):
        return False
    try:
        return not math.isinf(float(cell))  # type: ignore[arg-type]
    except OverflowError:
        return False


def beside(frame: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """One row a published row and metric: published, ours (NaN where there is no such run), the
    difference, all in percent.
    """
    keys = [name for name in (*KEYS, BACKBONE) if name in published]
    ours = _by_name(frame)
    metrics = [name for name in published.columns if name in METRICS]
    rows = []
    for _, row in published.iterrows():
        run = ours.get((row["benchmark"], row["strategy"], row.get(BACKBONE)))
        for name in metrics:
            if math.isnan(row[name]):  # this row was published without it
                continue
            got = math.nan if run is None else 100 * float(run[f"{name}_mean"])
            rows.append(
                {
                    **{key: row[key] for key in keys},
                    "metric": METRICS[name].title,
                    "published": row[name],
                    "ours": got,
                    "difference": got - row[name],
                    "runs": 0 if run is None else int(run["n"]),
                }
            )
    return pd.DataFrame(rows)


def _by_name(frame: pd.DataFrame) -> dict[tuple[str, str, str | None], "pd.Series[Any]"]:
    """Our rows by benchmark and strategy, as a published file may call them, with and without the
    backbone; a name's own settings come before overrides of it.
    """
    found: dict[tuple[str, str, str | None], pd.Series[Any]] = {}
    for _, row in frame.iterrows():
        for backbone in (None, row.get(BACKBONE)):
            found[_plain(row["benchmark"]), _plain(row["strategy"]), backbone] = row
    for _, row in frame.iterrows():
        for backbone in (None, row.get(BACKBONE)):
            found[row["benchmark"], row["strategy"], backbone] = row
            found[_plain(row["benchmark"]), row["strategy"], backbone] = row
    return found


def beside_markdown(table: pd.DataFrame) -> str:
    """The same for people; a dash where nothing was run."""
    has_backbone = BACKBONE in table
    where = ["benchmark", "strategy", *([BACKBONE] if has_backbone else []), "metric"]
    titles = [*where, "published", "ours", "difference", "runs"]
    rule = ["---"] * len(where) + ["---:"] * 4
    lines = [f"| {' | '.join(titles)} |", f"| {' | '.join(rule)} |"]
    for _, row in table.iterrows():
        ran = row["runs"] > 0
        cells = (
            *(str(row[name]) for name in where),
            f"{row['published']:.1f}",
            f"{row['ours']:.1f}" if ran else "–",
            f"{row['difference']:+.1f}" if ran else "–",
            str(row["runs"]),
        )
        lines.append(f"| {' | '.join(cells)} |")
    sources = "; ".join(dict.fromkeys(table["source"]))
    return "\n".join([*lines, "", f"Published: {sources}.", ""])


def _plain(name: str) -> str:
    """A name without the overrides in brackets."""
    return name.partition("[")[0]
