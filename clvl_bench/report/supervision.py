"""Supervision: the same benchmark under other supervision: what late or few labels and rewards
cost, and what is won back.

A variant of a benchmark is the same file with overrides, `name[supervision.delay=50]`; its runs are
paired by strategy, seed and class order. How late labels were and how many there were, the rows of
the runs say themselves.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from clvl_bench.metrics import continual as metrics
from clvl_bench.report.matrices import of_records
from clvl_bench.report.order import by_values
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.streams import lines, stream_numbers
from clvl_bench.report.summary import over_runs

NAIVE = "naive"
"""The strategy whose gap the others are measured by."""

UNTOUCHED = "zeroshot"


def supervision_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a run whose supervision is on record.

    Delay, share of labels, accuracy (prequential, or last without a stream), and where its partners
    are among the runs `delay_gap`, `recovered`, `regret` and `gain` (the share of full
    information's gain over zero-shot).
    """
    frame = pd.DataFrame(
        [
            _row(run)
            for run in runs
            if any(record.metric == "labelled_share" for record in run.records)
        ]
    )
    if frame.empty or frame["benchmark"].nunique() < 2:
        return pd.DataFrame()
    frame["rank"] = list(zip(frame["rewarding"], frame["delay"], -frame["share"], strict=True))
    parts = [
        _with_partners(part.copy())
        for _, part in frame.groupby(["base", "label_space", "backbone", "seed", "class_order"])
    ]
    order = ["base", "rewarding", "delay", "share", "strategy", "seed", "class_order"]
    return (
        pd.concat(parts)
        .drop(columns="rank")
        .sort_values(order, key=by_values)
        .reset_index(drop=True)
    )


def over_repetitions(frame: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds and class orders, one row a variant and strategy."""
    keys = [
        "base",
        "label_space",
        "backbone",
        "benchmark",
        "rewarding",
        "delay",
        "share",
        "strategy",
    ]
    numbers = ["accuracy", "last", "delay_gap", "recovered", "regret", "gain"]
    rows = []
    for values, part in frame.groupby(keys):
        means = {name: over_runs(part[name].tolist()).mean for name in numbers}
        rows.append({**dict(zip(keys, values, strict=True)), **means, "n": len(part)})
    return pd.DataFrame(rows).sort_values(keys, key=by_values, ignore_index=True)


def regret_over_time(runs: Sequence[Run]) -> dict[Table, dict[str, list[metrics.Matrix]]]:
    """Of each table with rewards and each strategy: for every run the rights of its
    full-information twin minus its own rewards, summed up to the end of each window [windows]. Runs
    without a twin are left out.
    """
    known = [
        (run, _row(run), lines(run.records)) for run in runs if "prequential" in lines(run.records)
    ]
    twins: dict[Any, tuple[Any, metrics.Matrix]] = {}
    for _, row, over_time in known:
        rank, line = (row["delay"], -row["share"]), over_time["prequential"]
        if not row["rewarding"] and (_pair(row) not in twins or rank < twins[_pair(row)][0]):
            twins[_pair(row)] = rank, line.values
    found: dict[Table, dict[str, list[metrics.Matrix]]] = {}
    for run, row, over_time in known:
        if row["rewarding"] and _pair(row) in twins:
            mine, of_strategies = over_time["reward"], found.setdefault(run.origin.table, {})
            lost = metrics.regret(mine.values, twins[_pair(row)][1], mine.sizes)
            of_strategies.setdefault(run.origin.strategy, []).append(lost)
    return found


def _pair(row: dict[str, Any]) -> tuple[Any, ...]:
    """What a run and its twin have in common."""
    return tuple(
        row[name] for name in ("base", "label_space", "backbone", "strategy", "seed", "class_order")
    )


def _row(run: Run) -> dict[str, Any]:
    origin, found, over_time = run.origin, stream_numbers(run.records), lines(run.records)
    last = of_records(run.records).per_run()["last"]
    facts = {
        record.metric: record.value
        for record in run.records
        if record.stream == "train" and record.experience < 0
    }
    return {
        "base": origin.benchmark.partition("[")[0],
        "benchmark": origin.benchmark,
        "label_space": origin.label_space,
        "backbone": origin.backbone,
        "strategy": origin.strategy,
        "seed": origin.seed,
        "class_order": origin.class_order,
        "rewarding": "reward" in found,
        "delay": facts["mean_delay"],
        "share": facts["labelled_share"],
        "accuracy": found.get("prequential", last),
        "samples": int(over_time["reward"].sizes.sum()) if "reward" in over_time else 0,
        "reward": found.get("reward", metrics.NAN),
        "last": last,
    }


def _with_partners(frame: pd.DataFrame) -> pd.DataFrame:
    """The variants of one repetition. The best supervised variant of a strategy is its
    full-information twin.
    """
    rows: list[dict[str, Any]] = [
        {str(name): value for name, value in row.items()} for row in frame.to_dict("records")
    ]
    best, nothing = min(row["rank"] for row in rows), metrics.NAN
    informed = {row["strategy"]: row["accuracy"] for row in rows if row["rank"] == best}
    reference = {(row["strategy"], row["rank"]): row["accuracy"] for row in rows}
    for row in rows:
        rank, reached, full = row["rank"], row["accuracy"], informed.get(row["strategy"], nothing)
        overrides = row["strategy"][
            len(row["strategy"].partition("[")[0]) :
        ]  # partners have the same
        naive, untouched = NAIVE + overrides, UNTOUCHED + overrides
        row["delay_gap"] = metrics.delay_gap(full, reached)
        won = metrics.recovered(
            reached, reference.get((naive, rank), nothing), reference.get((naive, best), nothing)
        )
        row["recovered"] = nothing if rank == best else won
        row["regret"] = (full - row["reward"]) * row["samples"] if row["rewarding"] else nothing
        start = reference.get((untouched, rank), reference.get((untouched, best), nothing))
        row["gain"] = metrics.recovered(reached, start, full)
    return pd.DataFrame(rows)
