"""Published: our numbers beside those of a paper, row by row.

A file of published numbers is a table with the columns benchmark, strategy and source, and one for
each metric, in percent. Names are compared without the overrides in brackets; what differs from the
name's own settings stands in our summary.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from clvl_bench.core.errors import Mistake
from clvl_bench.metrics.continual import METRICS

KEYS = ("benchmark", "strategy", "source")


def read_published(path: Path) -> pd.DataFrame:
    """A file of published numbers.

    Raises:
        Mistake: it is not there, or not such a table.
    """
    try:
        frame = pd.read_csv(path)
    except FileNotFoundError:
        raise Mistake(
            f"--beside {path}: no such file; give a CSV such as results/published/zscl_mtil.csv"
        ) from None
    except (OSError, ValueError) as error:
        raise Mistake(
            f"--beside {path}: cannot be read as a table ({str(error).splitlines()[0]})"
        ) from None
    columns = [str(column) for column in frame.columns]
    wrong = _wrong_column(columns)
    if wrong:
        raise Mistake(
            f"--beside {path}: {wrong}; columns are {', '.join(KEYS)} and metrics: "
            f"{', '.join(METRICS)}"
        )
    return frame


def _wrong_column(columns: Sequence[str]) -> str:
    """What is wrong with the columns of a file, in a few words; nothing if they are right."""
    unknown = [column for column in columns if column not in (*KEYS, *METRICS)]
    if unknown:
        return f"unknown column '{unknown[0]}'"
    missing = sorted(set(KEYS) - set(columns))
    return f"no column '{missing[0]}'" if missing else ""


def beside(frame: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """One row a published row and metric: published, ours (NaN where there is no such run), the
    difference, all in percent.
    """
    ours = {}
    for _, row in frame.iterrows():
        ours[_plain(row["benchmark"]), _plain(row["strategy"])] = row
    metrics = [name for name in published.columns if name in METRICS]
    rows = []
    for _, row in published.iterrows():
        run = ours.get((row["benchmark"], row["strategy"]))
        for name in metrics:
            got = math.nan if run is None else 100 * float(run[f"{name}_mean"])
            rows.append(
                {
                    **{key: row[key] for key in KEYS},
                    "metric": METRICS[name].title,
                    "published": row[name],
                    "ours": got,
                    "difference": got - row[name],
                    "runs": 0 if run is None else int(run["n"]),
                }
            )
    return pd.DataFrame(rows)


def beside_markdown(table: pd.DataFrame) -> str:
    """The same for people; a dash where nothing was run."""
    lines = [
        "| benchmark | strategy | metric | published | ours | difference | runs |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for _, row in table.iterrows():
        ran = row["runs"] > 0
        cells = (
            row["benchmark"],
            row["strategy"],
            row["metric"],
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
