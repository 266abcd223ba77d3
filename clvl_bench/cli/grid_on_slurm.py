"""A grid on SLURM: its lanes submitted, and looked at until they are done."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live

from clvl_bench.cli.lanes_table import Lane, counted, lanes_table
from clvl_bench.core import stopping
from clvl_bench.core.errors import RunFailed, warn
from clvl_bench.core.exit_codes import ExitCode
from clvl_bench.core.ticker import SIGN_SECONDS
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.engines import slurm
from clvl_bench.runs.engines.lanes import Plan, plan
from clvl_bench.runs.engines.slurm_lanes import queued, scripts, submit_once, submitted
from clvl_bench.runs.engines.slurm_script import Resources
from clvl_bench.runs.engines.standing import Standing, standings

FIRST_PAUSE = 1.0
"""Seconds between two looks at the queue, at the beginning."""
LONGEST_PAUSE = 15.0
SLOWER = 1.2


@dataclass(frozen=True)
class View:
    """Where a grid stands.

    Args:
        under_way: whether SLURM still has a job of it.
    """

    runs: list[Standing]
    lanes: list[Lane]
    under_way: bool

    @property
    def table(self) -> RenderableType:
        return lanes_table(self.lanes, self.runs)


def plan_on_slurm(runs: Sequence[RunConfig], results: Path, *, experiment: str, lanes: int) -> Plan:
    return plan(runs, results, experiment=experiment, lanes=lanes, most=slurm.most_lanes())


def show_scripts(planned: Plan, command: Sequence[str], resources: Resources) -> None:
    """What would be submitted."""
    after = ""
    for name, text in scripts(planned, command, resources, Path.cwd()).items():
        print(f"\n# sbatch {after}{planned.folder / name}\n{text}", end="")
        after = "--dependency=afterany:JOB "


def submit_lanes(planned: Plan, command: Sequence[str], resources: Resources) -> None:
    """Submit what is not in the queue yet, and say so."""
    known = queued(planned)
    if not planned.waiting and not known:
        return
    if submit_once(planned, scripts(planned, command, resources, Path.cwd())):
        told = submitted(planned)
        assert told is not None
        first = "" if told.encode is None else f", behind job {told.encode}, which encodes"
        print(f"Submitted {told.lanes} lanes as job {told.array}{first}: {planned.folder}")
    else:
        print("Its lanes are in the queue already: nothing is submitted")
    print(f"They need nobody: leave, and come back with the same command. {_how_to_end(planned)}")


def look_on(planned: Plan, runs: Sequence[RunConfig], results: Path) -> View:
    """Show where the grid stands until SLURM has no job of it any more."""
    console = Console()
    views = _views(planned, runs, results)
    if not console.is_terminal:
        return _told_in_lines(views)
    view = next(views)
    with Live(view.table, console=console, transient=True) as live:
        for view in views:
            live.update(view.table)
    return view


def _views(planned: Plan, runs: Sequence[RunConfig], results: Path) -> Iterator[View]:
    """Where the grid stands, again and again, behind pauses that grow."""
    pause = FIRST_PAUSE
    view = look(planned, runs, results)
    yield view
    while view.under_way and not stopping.asked():
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * SLOWER)
        view = look(planned, runs, results, before=view)
        yield view


def _told_in_lines(views: Iterator[View]) -> View:
    """A line for what is new, and now and then for what is not; the last of the views."""
    said = ""
    spoken = time.monotonic()
    for view in views:
        line = _line(view)
        is_due = line != said or time.monotonic() - spoken > SIGN_SECONDS - LONGEST_PAUSE
        if is_due and view.under_way and not stopping.asked():
            print(line, flush=True)
            said, spoken = line, time.monotonic()
    return view


def look(
    planned: Plan, runs: Sequence[RunConfig], results: Path, *, before: View | None = None
) -> View:
    """Where the grid stands now.

    Args:
        before: is repeated where SLURM does not answer.

    Raises:
        RunFailed: SLURM does not answer the first time.
    """
    try:
        jobs = {job.job: job for job in queued(planned)}
    except RunFailed as failed:
        if before is None:
            raise
        warn(f"{failed}; it is asked again")
        return before
    told = submitted(planned)

    def has_ended(job: str) -> bool:
        return told is not None and told.includes(job) and job not in jobs

    lanes = []
    if told is not None:
        ends = slurm.ended(told.jobs) if set(told.jobs) - set(jobs) else {}
        for job in told.jobs:
            number = 0 if job == told.encode else int(job.partition("_")[2])
            name = str(number) if number else "encode"
            end = "" if job in jobs else ends.get(job, "")
            lanes.append(Lane(name, job, planned.log(number), jobs.get(job), end))
    return View(standings(runs, results, has_ended=has_ended), lanes, bool(jobs))


def _line(view: View) -> str:
    queued_lanes = [lane.queued for lane in view.lanes if lane.queued is not None]
    waiting = sum(job.waits for job in queued_lanes)
    return f"{counted(view.runs)}; {len(queued_lanes)} jobs in the queue, {waiting} of them waiting"


def _how_to_end(planned: Plan) -> str:
    return f"To end them: scancel --name=clvl-{planned.name},clvl-{planned.name}-encode"


def show(view: View) -> None:
    Console().print(view.table)


def exit_code(view: View) -> ExitCode:
    """Of a grid that no lane works on any more."""
    states = {each.state for each in view.runs}
    if "failed" in states:
        return ExitCode.FAILED
    if states <= {"done"}:
        return ExitCode.DONE
    print(
        "Its lanes ended before all runs were done (their logs say why): the same command submits "
        "lanes for the rest"
    )
    return ExitCode.AGAIN


def passed_on(
    experiment: str,
    jobs: int,
    device: str,
    limit: int | None,
    methods: Sequence[Path],
    log_to: Sequence[str],
    results: Path,
) -> list[str]:
    """The command of a member of the grid, but for which member it is."""
    command = [*_program(), "grid", experiment, "--jobs", str(jobs), "--device", device]
    if limit is not None:
        command += ["--limit", str(limit)]
    for file in methods:
        command += ["--methods", str(file)]
    for tracker in log_to:
        command += ["--log-to", tracker]
    return [*command, "--results", str(results)]


def _program() -> list[str]:
    """How this program was started, so that a job starts the same one."""
    started = Path(sys.argv[0])
    if started.name == "clvl-bench":
        return [str(started.absolute())]
    return [sys.executable, "-m", "clvl_bench"]
