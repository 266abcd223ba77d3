"""Published: our numbers beside those of a paper, row by row.

A file of published numbers is a table with the columns benchmark, strategy and source, and one for
each metric, in percent. Names are compared without the overrides in brackets; what differs from the
name's own settings stands in our summary.
"""

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
    strange = [column for column in columns if column not in (*KEYS, *METRICS)]
    if strange or not set(KEYS) <= set(columns):
        got = (
            f"unknown column '{strange[0]}'"
            if strange
            else f"no column '{min(set(KEYS) - set(columns))}'"
        )
        raise Mistake(
            f"--beside {path}: {got}; columns are {', '.join(KEYS)} and metrics: "
            f"{', '.join(METRICS)}"
        )
    return frame


def beside(frame: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """One row a published row and metric: published, ours (NaN where there is no such run), the
    difference, all in percent.
    """
    ours = {(_plain(row["benchmark"]), _plain(row["strategy"])): row for _, row in frame.iterrows()}
    rows = []
    for _, row in published.iterrows():
        run = ours.get((row["benchmark"], row["strategy"]))
        for name in (column for column in published.columns if column in METRICS):
            got = float("nan") if run is None else 100 * float(run[f"{name}_mean"])
            known = {key: row[key] for key in KEYS}
            cells = {
                "metric": METRICS[name].title,
                "published": row[name],
                "ours": got,
                "difference": got - row[name],
            }
            rows.append({**known, **cells, "runs": 0 if run is None else int(run["n"])})
    return pd.DataFrame(rows)


def beside_markdown(table: pd.DataFrame) -> str:
    """The same for people; a dash where nothing was run."""
    lines = [
        "| benchmark | strategy | metric | published | ours | difference | runs |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for _, row in table.iterrows():
        ours, difference = (
            ("–", "–") if row["runs"] == 0 else (f"{row['ours']:.1f}", f"{row['difference']:+.1f}")
        )
        cells = (
            row["benchmark"],
            row["strategy"],
            row["metric"],
            f"{row['published']:.1f}",
            ours,
            difference,
            str(row["runs"]),
        )
        lines.append(f"| {' | '.join(cells)} |")
    sources = "; ".join(dict.fromkeys(table["source"]))
    return "\n".join([*lines, "", f"Published: {sources}.", ""])


def _plain(name: str) -> str:
    return name.partition("[")[0]
