"""Show: results, plans and grids on a terminal of 80 columns."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from clvl_bench.cli.estimate import estimate
from clvl_bench.core.errors import ClvlError
from clvl_bench.records.run_folder import RESULT, Result
from clvl_bench.report.committed import is_committed
from clvl_bench.report.runs import Run, load, of_result
from clvl_bench.report.selection import Setting, select
from clvl_bench.report.summary import mixture, summary
from clvl_bench.report.tables import terminal_table
from clvl_bench.report.writing import write_report
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.files import shipped


def show_result(result: Result, results: Path) -> None:
    """The new run beside the committed runs on the same data and weights, the plots, and six lines
    to go on from.
    """
    run = of_result(result)
    beside = reference(run, results)
    out = result.folder / "report"
    write_report([run], out)
    show_table([run, *beside], new=run)
    timing = result.timing
    spent = (
        f"train {timing.get('train_seconds', 0):.1f} s, evaluate "
        f"{timing.get('evaluate_seconds', 0):.1f} s"
    )
    print(
        f"Run       {run.origin.run}"
        + (f" (partial: --limit {run.origin.limit})" if run.origin.limit else "")
    )
    print(f"Spent     {spent}, peak memory {timing['peak_memory_mib']:.0f} MiB")
    print(
        f"Beside it {len(beside)} committed runs with the same data and weights"
        if beside
        else "Beside it no committed run"
    )
    print(f"Records   {result.folder / 'records.csv'}")
    print(f"Report    {out / 'summary.md'}")
    print(f"Plots     {out / 'plots'}")


def reference(run: Run, results: Path) -> list[Run]:
    """Committed runs of the same benchmark that may stand beside a run: equal data, weights,
    prompts and limit.
    """
    same = (
        "benchmark",
        "label_space",
        "backbone",
        "data_sha256",
        "weights_sha256",
        "prompts_sha256",
        "limit",
    )
    for root in dict.fromkeys((results, shipped() / "results")):
        if is_committed(root / run.origin.benchmark):
            runs = load([root / run.origin.benchmark])
            return [
                other
                for other in runs
                if all(getattr(other.origin, field) == getattr(run.origin, field) for field in same)
                and other.origin.run != run.origin.run
            ]
    return []


def show_table(runs: Sequence[Run], *, new: Run | None = None) -> None:
    """The short table of each benchmark, label space and backbone; a new run has a row of its
    own.
    """
    frame = summary(runs) if new is None else _with_new_row(runs, new)
    console = Console()
    for (benchmark, label_space, backbone), part in frame.groupby(
        ["benchmark", "label_space", "backbone"], sort=False
    ):
        titles, rows = terminal_table(part)
        toy = " (a toy)" if backbone == "tiny" else ""
        table = Table(
            title=f"{benchmark}, label space {label_space}, backbone {backbone}{toy}",
            box=box.SIMPLE_HEAD,
            title_justify="left",
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        for number, title in enumerate(titles):
            table.add_column(
                title,
                justify="left" if number == 0 else "right",
                overflow="fold",
                no_wrap=number > 0,
            )
        for row in rows:
            table.add_row(
                *map(escape, row),
                style="bold" if new is not None and row[0].startswith("> ") else None,
            )
        console.print(table)
    if note := mixture(runs if new is None else [*runs, new]):
        print(note)


def _with_new_row(runs: Sequence[Run], new: Run) -> Any:
    import pandas as pd

    own = summary([new])
    own["strategy"] = "> " + own["strategy"]
    others = [run for run in runs if run is not new]
    return pd.concat([own, summary(others)]) if others else own


def show_settings(settings: Sequence[Setting]) -> None:
    """A block for each strategy, best setting first."""
    heading = None
    for setting in settings:
        if (setting.table, setting.strategy) != heading:
            heading = setting.table, setting.strategy
            print(
                f"{setting.strategy} on {setting.table[0]}, label space {setting.table[1]}, "
                f"validation accuracy"
            )
        cell = setting.accuracy
        spread = "" if math.isnan(cell.std) else f" ± {100 * cell.std:.1f}"
        failed = f" ({setting.failed} failed)" if setting.failed else ""
        mark = "*" if setting.kept else " "
        print(
            f" {mark} {setting.overrides or 'as in the file':<44} {100 * cell.mean:5.1f}{spread}, "
            f"n {cell.n}{failed}"
        )


def show_plan(runs: Sequence[RunConfig], results: Path) -> None:
    """What would run, which of it is finished, what the rest would cost, and for a single run every
    setting.
    """
    for config in runs:
        finished = (results / "runs" / config.id / RESULT).is_file()
        print(f"{'finished' if finished else 'missing ':8}  {config.id}")
    waiting = [config for config in runs if not (results / "runs" / config.id / RESULT).is_file()]
    for line in estimate(waiting, results) if waiting else ():
        print(line)
    print(f"{len(runs)} runs, {len(waiting)} to do; nothing was written")
    if len(runs) == 1:
        import json

        print(json.dumps(runs[0].model_dump(mode="json"), indent=1))


def show_grid(
    runs: Sequence[RunConfig], outcomes: Iterable[Any], results: Path, *, sweep: bool
) -> int:
    """A line for each run as it ends, then the table; of a sweep only validation is shown. Returns
    how many failed.
    """
    waiting = sum(not (results / "runs" / config.id / RESULT).is_file() for config in runs)
    print(f"{len(runs)} runs, {len(runs) - waiting} finished before, {waiting} to do", flush=True)
    failed = 0
    for number, outcome in enumerate(outcomes, start=1):
        failed += outcome.state != "done"
        reason = f": {outcome.reason}" if outcome.reason else ""
        print(f"{number}/{waiting} {outcome.state} {outcome.config.id}{reason}", flush=True)
    finished = [
        results / "runs" / config.id
        for config in runs
        if (results / "runs" / config.id / RESULT).is_file()
    ]
    if finished:
        try:
            show_settings(select(load(finished))) if sweep else show_table(load(finished))
        except ClvlError as error:
            print(error)
    return failed
