"""Tables: runs -> one row a strategy, with mean, spread and number of runs in each cell."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from clvl_bench.errors import Mistake
from clvl_bench.metrics import METRICS, STREAM, recovered
from clvl_bench.report.ceilings import ceilings, shown
from clvl_bench.report.matrices import of_records
from clvl_bench.report.paired import Compared
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.streams import stream_numbers

COSTS: dict[str, str] = {
    "train_seconds": "Train s", "trained_parameters": "Trained", "kept_bytes": "Kept bytes", "memory_samples": "Samples",
    "peak_memory_mib": "Peak MiB",
}  # fmt: skip
SHOWN = ("last", "incremental", "forgetting", "heldout", "heldout_degradation")
"""The metrics of the short table; summary.csv has all."""

GROUP = ("benchmark", "label_space", "backbone", "strategy")


@dataclass(frozen=True)
class Cell:
    """A number over runs: mean, standard deviation (NaN for one run), how many runs it is of."""

    mean: float
    std: float
    n: int


def per_run(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a run: coordinates, every metric, costs."""
    rows = []
    for run in runs:
        row: dict[str, Any] = {name: getattr(run.origin, name) for name in (*GROUP, "seed", "class_order", "state", "reason")}
        if run.records:
            row |= of_records(run.records).per_run() | stream_numbers(run.records)
            row |= {name: getattr(run.origin, name) for name in ("train_seconds", "peak_memory_mib")}
            costs = [record for record in run.records if record.metric in COSTS]
            row |= {record.metric: record.value for record in costs}
        rows.append(row)
    return pd.DataFrame(rows)


def summary(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a strategy: for each metric and cost `<name>_mean` and `<name>_std`, and `runs`, `failed`, `n`.

    A failed run is counted and never averaged; a metric that is undefined in any run is undefined in the mean. `joint` is
    what joint training of the same adapter reaches, `of_joint` the share of its gain over zero-shot (see `ceilings`).

    Raises:
        Mistake: runs over part of the data beside runs over all of it, or over different data or weights.
    """
    refuse_mixtures(runs)
    frame = per_run(runs)
    rows = []
    for group, part in frame.groupby(list(GROUP), sort=True):
        done = part[part["state"] == "done"]
        row: dict[str, Any] = dict(zip(GROUP, group, strict=True))
        failed = part[part["state"] != "done"]
        reasons = sorted({reason.partition(":")[0] for reason in failed["reason"]})
        row |= {"runs": len(part), "failed": len(failed), "n": len(done), "reasons": ", ".join(reasons)}
        for name in (*METRICS, *COSTS, *(name for name in STREAM if name in frame)):
            cell = over_runs(done[name].tolist() if name in done else [])
            row |= {f"{name}_mean": cell.mean, f"{name}_std": cell.std}
        rows.append(row)
    return _beside_joint(pd.DataFrame(rows), runs)


def _beside_joint(frame: pd.DataFrame, runs: Sequence[Run]) -> pd.DataFrame:
    """The rows that are shown, with what joint training of their adapters reaches."""
    groups = [((row["benchmark"], row["label_space"], row["backbone"]), row["strategy"]) for _, row in frame.iterrows()]
    found = ceilings(dict(zip(groups, frame["last_mean"], strict=True)), runs)
    adapters = {(run.origin.table, run.origin.strategy): run.origin.adapter_sha256 for run in runs if run.records}
    frame["joint"] = [found.get((table, adapters.get((table, strategy), "")), math.nan) for table, strategy in groups]
    columns = (frame["last_mean"], frame["zeroshot_mean"], frame["joint"])
    frame["of_joint"] = [recovered(*numbers) for numbers in zip(*columns, strict=True)]
    rows = {(run.origin.table, run.origin.strategy) for run in shown(runs)}
    return frame[[group in rows for group in groups]].reset_index(drop=True)


def over_runs(values: Sequence[float]) -> Cell:
    """Mean and sample deviation; NaN as soon as one value is: pandas would quietly average the rest."""
    if not values or any(math.isnan(value) for value in values):
        return Cell(math.nan, math.nan, len(values))
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Cell(mean, math.nan, 1)
    return Cell(mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)), len(values))


def refuse_mixtures(runs: Sequence[Run]) -> None:
    """Numbers that cannot stand in one table.

    Raises:
        Mistake: names what differs.
    """
    for what, field in (
        ("--limit", "limit"),
        ("prompts", "prompts_sha256"),  # before the data, whose fingerprints hold the class names too
        ("data", "data_sha256"),
        ("weights", "weights_sha256"),
        ("precisions", "precision"),
    ):
        by_table: dict[Table, set[str]] = {}
        for run in runs:
            if run.origin.state == "done":
                by_table.setdefault(run.origin.table, set()).add(getattr(run.origin, field))
        for table, values in by_table.items():
            if len(values) > 1:
                shown = ", ".join(sorted(value or "none" for value in values))
                raise Mistake(
                    f"{' '.join(table)}: runs with different {what} ({shown}) cannot stand in one table; report them apart"
                )


def mixture(runs: Sequence[Run]) -> str:
    """A line that says which weights are behind numbers where there are several, teachers and answerers among them."""
    done = [run.origin for run in runs if run.origin.state == "done"]
    weights = {f"{origin.backbone} ({origin.family or 'family not recorded'}) {origin.weights_sha256[:8]}" for origin in done}
    others = {f"{origin.teacher}, as teacher" for origin in done if origin.teacher}
    others |= {f"{origin.answerer}, as answerer" for origin in done if origin.answerer}
    if len(weights) + len(others) < 2:
        return ""
    return f"Weights differ: {'; '.join(sorted(weights | others))}. What differs between them may be due to their pre-training."


def terminal_table(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """What fits on 80 columns: accuracies in percent, mean±deviation."""
    titles = ["Strategy", "Last", "Avg", "Forget", "Held-out", "Kept", "n"]
    shown = [name for name in SHOWN if name != "heldout_degradation"]
    if "prequential_mean" in frame:  # of a stream, what it had right on its way says more than the mean over experiences
        titles[2], shown[1] = "Preq.", "prequential"
    rows = []
    for _, row in frame.iterrows():
        cells = [percent(Cell(row[f"{name}_mean"], row[f"{name}_std"], row["n"])).replace(" ", "") for name in shown]
        n = str(row["n"]) if not row["failed"] else f"{row['n']}/{row['runs']}"
        rows.append([row["strategy"], *cells, count(row["kept_bytes_mean"]), n])
    return titles, rows


def short_table(frame: pd.DataFrame, letters: Mapping[str, str] | None = None) -> tuple[list[str], list[list[str]]]:
    """Column titles and rows of the table that people read: accuracies in percent, mean ± deviation."""
    titles = ["Strategy", *(METRICS[name].title for name in SHOWN), *COSTS.values(), "Runs"]
    titles.insert(2, "Alike")
    measured = bool(frame["of_joint"].notna().any())
    if measured:
        titles.insert(3, "Of joint")
    rows = []
    for _, row in frame.iterrows():
        cells = [percent(Cell(row[f"{name}_mean"], row[f"{name}_std"], row["n"])) for name in SHOWN]
        cells.insert(1, (letters or {}).get(row["strategy"], "–"))
        if measured:
            cells.insert(2, of_joint(row["of_joint"], row["joint"]))
        why = f": {row['reasons']}" if row["reasons"] else ""
        runs = str(row["n"]) if not row["failed"] else f"{row['n']}/{row['runs']} ({row['failed']} failed{why})"
        costs = [
            f"{row['train_seconds_mean']:.1f}",
            count(row["trained_parameters_mean"]),
            size(row["kept_bytes_mean"]),
            count(row["memory_samples_mean"]),
            f"{row['peak_memory_mib_mean']:.0f}",
        ]
        rows.append([row["strategy"], *cells, *costs, runs])
    return titles, rows


def stream_table(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Column titles and rows of what online runs have beside the others."""
    names = [name for name in STREAM if f"{name}_mean" in frame and frame[f"{name}_mean"].notna().any()]
    rows = []
    for _, row in frame.iterrows():
        cells = [Cell(row[f"{name}_mean"], row[f"{name}_std"], row["n"]) for name in names]
        shown = [percent(cell) if STREAM[name].rate else count(cell.mean) for name, cell in zip(names, cells, strict=True)]
        rows.append([row["strategy"], *shown])
    return ["Strategy", *(STREAM[name].title for name in names)], rows


def of_joint(part: float, joint: float) -> str:
    """A share of less than half is marked: the stream has kept most of what the adapter could have learned from it."""
    if math.isnan(part):
        return "–"
    return f"{100 * part:.0f} % of {100 * joint:.1f}" + (" !" if part < 0.5 else "")


def percent(cell: Cell) -> str:
    if math.isnan(cell.mean):
        return "–"
    return f"{100 * cell.mean:.1f}" if math.isnan(cell.std) else f"{100 * cell.mean:.1f} ± {100 * cell.std:.1f}"


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


def markdown(frame: pd.DataFrame, compared: Mapping[Table, Compared]) -> str:
    """One table for each benchmark, label space and backbone; no two of these ever share one."""
    parts = []
    for (benchmark, label_space, backbone), part in frame.groupby(["benchmark", "label_space", "backbone"], sort=True):
        toy = (
            "**Toy world, toy backbone: effects are real, their sizes say nothing about real CLIP.**\n\n"
            if backbone == "tiny"
            else ""
        )
        found = compared.get((str(benchmark), str(label_space), str(backbone)))
        titles, rows = short_table(part, None if found is None else found.letters)
        table = _markdown_table(titles, rows)
        stream = stream_table(part)
        if len(stream[0]) > 1:
            table += f"\n\nThe stream, sample by sample:\n\n{_markdown_table(*stream)}"
        parts.append(
            f"## {escaped(str(benchmark))}, label space `{label_space}`, backbone `{escaped(str(backbone))}`\n\n{toy}{table}\n"
        )
    return "\n".join(parts) + "\n" + NOTES


def _markdown_table(titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    return "\n".join("| " + " | ".join(escaped(cell) for cell in line) + " |" for line in lines)


NOTES = """Accuracies in percent, mean ± standard deviation over runs (seeds and class orders); – is undefined, never zero:
forgetting needs two learned experiences, and joint training has no rows between the first and the last.
Held-out is the mean final accuracy on datasets that are never trained on; zero-shot loss is what the untouched backbone
had there minus that. Kept is every byte that outlives an experience, the public backbone excepted; samples are those of the
past among them, as images, features or with logits.
Alike: strategies that share a letter cannot be told apart in Last (paired bootstrap over test samples and runs, Holm's
correction over all pairs of the table, 5 percent); differences.csv has every pair with its interval.
Of joint: the share that a strategy makes of the gain over zero-shot of joint training of the same adapter, and what that
reaches; ! marks less than half.
"""


def escaped(text: str) -> str:
    """Names come from users' files: nothing in them may act as markup."""
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, "\\" + sign) if sign != "_" else text
    return text
