"""Show: results, plans and grids on a terminal of 80 columns."""

import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich import box
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from clvl_bench.cli.estimate import estimate
from clvl_bench.cli.grid_progress import GridProgress
from clvl_bench.core.errors import ClvlError, printable
from clvl_bench.records.result import Result
from clvl_bench.records.run_folder import RESULT
from clvl_bench.records.segment import SEGMENTS
from clvl_bench.report.committed import is_committed
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Run, find_runs, load, of_result
from clvl_bench.report.selection import Setting, select
from clvl_bench.report.summary import mixture, sorted_by, summary
from clvl_bench.report.tables import terminal_table
from clvl_bench.report.writing import write_page, write_report
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.recorded import benchmark_of, configuration_of
from clvl_bench.runs.toml_files import shipped

if TYPE_CHECKING:
    from clvl_bench.runs.grid import Outcome


def show_result(result: Result, results: Path, *, page: bool, pictures: bool) -> None:
    """The new run beside the committed runs on the same data and weights, the plots, and some lines
    to go on from.

    Args:
        page: write the page of this run, too.
        pictures: show pictures of the user's data in it.
    """
    run = of_result(result)
    beside = reference(run, results)
    out = result.folder / "report"
    written = write_report(ReportData([run], private_pictures=pictures), out, page=page)
    show_table([run, *beside], new=run)
    timing = result.timing
    train = f"train {timing.get('train_seconds', 0):.1f} s"
    evaluate = f"evaluate {timing.get('evaluate_seconds', 0):.1f} s"
    limit = run.origin.limit
    partial = f" (partial: --limit {limit})" if limit else ""
    print(f"Run       {run.origin.run}{partial}")
    print(f"Spent     {train}, {evaluate}, peak memory {timing['peak_memory_mib']:.0f} MiB")
    if beside:
        print(f"Beside it {len(beside)} committed runs with the same data and weights")
    else:
        print("Beside it no committed run")
    print(f"Records   {result.folder / SEGMENTS}/*.csv")
    print(f"Report    {out / 'summary.md'}")
    print(f"Plots     {out / 'plots'}")
    if written is not None:
        print(f"Page      {written}")


MUST_AGREE = (
    "benchmark",
    "label_space",
    "backbone",
    "data_sha256",
    "weights_sha256",
    "prompts_sha256",
    "limit",
)
"""What committed runs must have in common with a run that they stand beside."""


def reference(run: Run, results: Path) -> list[Run]:
    """Committed runs of the same benchmark that may stand beside a run: equal data, weights,
    prompts and limit.
    """
    for root in dict.fromkeys((results, shipped() / "results")):
        folder = root / run.origin.benchmark
        if is_committed(folder):
            return [other for other in load([folder]) if _may_stand_beside(other, run)]
    return []


def _may_stand_beside(other: Run, run: Run) -> bool:
    if other.origin.run == run.origin.run:
        return False
    return all(getattr(other.origin, name) == getattr(run.origin, name) for name in MUST_AGREE)


WIDTH = 80
NEW = "> "
"""What the name of a new run begins with in a table."""


def show_table(runs: Sequence[Run], *, new: Run | None = None, sort: str | None = None) -> None:
    """The short table of each benchmark, label space and backbone, sorted by a metric, and below it
    the prompts that its zero-shot numbers are of; a new run has a row of its own.
    """
    data = ReportData(runs, recorded=configuration_of, prompted=benchmark_of)
    frame = sorted_by(summary(runs), sort) if new is None else _with_new_row(runs, new)
    console = Console()
    for where, part in frame.groupby(["benchmark", "label_space", "backbone"], sort=False):
        benchmark, label_space, backbone = where
        toy = " (a toy)" if backbone == "tiny" else ""
        heading = f"{benchmark}, label space {label_space}, backbone {backbone}{toy}"
        titles, rows = terminal_table(part)
        table = plain_table(heading)
        for number, title in enumerate(titles):
            first = number == 0
            side: JustifyMethod = "left" if first else "right"
            table.add_column(title, justify=side, overflow="fold", no_wrap=not first)
        for row in rows:
            is_new = new is not None and row[0].startswith(NEW)
            table.add_row(*map(_cell, row), style="bold" if is_new else None)
        console.print(table)
        if told := data.prompts_notes.get((str(benchmark), str(label_space), str(backbone))):
            print(textwrap.fill(printable(told), WIDTH, break_on_hyphens=False))
    note = mixture(runs if new is None else [*runs, new])
    if note:
        print(note)


def _cell(text: str) -> str:
    """A name as it is: no markup, and nothing that steers a terminal."""
    return escape(printable(text))


def plain_table(title: str | None) -> Table:
    """A table with a line below its titles and no other frame."""
    return Table(
        title=title,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def _with_new_row(runs: Sequence[Run], new: Run) -> pd.DataFrame:
    own = summary([new])
    own["strategy"] = NEW + own["strategy"]
    others = [run for run in runs if run is not new]
    return pd.concat([own, summary(others)]) if others else own


def show_settings(settings: Sequence[Setting]) -> None:
    """A block for each strategy, best setting first."""
    heading = None
    for setting in settings:
        if (setting.table, setting.strategy) != heading:
            heading = setting.table, setting.strategy
            benchmark, label_space, _ = setting.table
            where = f"{setting.strategy} on {benchmark}, label space {label_space}"
            print(f"{where}, validation accuracy")
            # The best stands first: where that one is not kept, none is.
            if not setting.kept:
                print("   no setting is kept: of each, a run has failed or measured nothing")
        print(_setting_line(setting))


def _setting_line(setting: Setting) -> str:
    mark = "*" if setting.kept else " "
    overrides = setting.overrides or "as in the file"
    cell = setting.accuracy
    spread = "" if math.isnan(cell.std) else f" ± {100 * cell.std:.1f}"
    failed = f" ({setting.failed} failed)" if setting.failed else ""
    return f" {mark} {overrides:<44} {100 * cell.mean:5.1f}{spread}, n {cell.n}{failed}"


def show_plan(runs: Sequence[RunConfig], results: Path) -> None:
    """What would run, which of it is finished, what the rest would cost, and for a single run every
    setting.
    """
    waiting = []
    for config in runs:
        if _is_finished(config, results):
            print(f"finished  {config.id}")
        else:
            waiting.append(config)
            print(f"missing   {config.id}")
    if waiting:
        print("\n".join(estimate(waiting, results)))
    print(f"{len(runs)} runs, {len(waiting)} to do; nothing was written")
    if len(runs) == 1:
        print(json.dumps(runs[0].model_dump(mode="json"), indent=1))


def show_outcomes(
    outcomes: Iterable["Outcome"], bar: GridProgress, waiting: int
) -> "list[Outcome]":
    """A line for each run as it ends; how they did."""
    ended = []
    # The grid runs while its outcomes are taken from it.
    for number, outcome in enumerate(outcomes, start=1):
        ended.append(outcome)
        bar.ended(outcome)
        accuracy = "" if outcome.accuracy is None else f", accuracy {100 * outcome.accuracy:.1f} %"
        reason = f": {outcome.reason}" if outcome.reason else ""
        line = f"{number}/{waiting} {outcome.state} {outcome.config.id}{accuracy}{reason}"
        print(printable(line), flush=True)
    return ended


def show_finished(runs: Sequence[RunConfig], results: Path, *, sweep: bool) -> None:
    """The table of what is finished; of a sweep only validation is shown."""
    finished = [_run_folder(config, results) for config in runs if _is_finished(config, results)]
    if not finished:
        return
    try:
        _show_finished(finished, sweep=sweep)
    except ClvlError as error:
        # The runs are done whether or not they can stand in one table.
        print(printable(str(error)))


def show_page_of_grid(
    runs: Sequence[RunConfig], results: Path, *, name: str, pictures: bool
) -> None:
    """Write the page of what is finished of a grid, and say where it is."""
    finished = [_run_folder(config, results) for config in runs if _is_finished(config, results)]
    if not finished:
        return
    try:
        data = ReportData(find_runs(finished).runs, private_pictures=pictures)
        print(f"Page: {write_page(data, results / 'report' / name)}")
    except ClvlError as error:
        # The runs are done whether or not they can stand in one table.
        print(error)


def _show_finished(folders: Sequence[Path], *, sweep: bool) -> None:
    runs = find_runs(folders).runs
    if sweep:
        show_settings(select(runs))
    else:
        show_table(runs)


def _run_folder(config: RunConfig, results: Path) -> Path:
    return results / "runs" / config.id


def _is_finished(config: RunConfig, results: Path) -> bool:
    return (_run_folder(config, results) / RESULT).is_file()
