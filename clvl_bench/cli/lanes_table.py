"""The table of a grid on a cluster: its lanes, what is under way in each, how far its runs are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from clvl_bench.cli.show import plain_table
from clvl_bench.core.errors import printable
from clvl_bench.core.ticker import left_in_words
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.engines.slurm import Job
from clvl_bench.runs.engines.standing import STATES, Standing, standings

SHOWN = 20
"""Failed runs that are named one by one."""


@dataclass(frozen=True)
class Lane:
    """A lane as it is shown.

    Args:
        job: as SLURM calls it.
        queued: what SLURM has in its queue; None behind its end.
        end: how it ended, where that is known.
    """

    name: str
    job: str
    log: Path
    queued: Job | None = None
    end: str = ""


def counted(runs: Sequence[Standing]) -> str:
    """How many runs are in which state, in a line."""
    numbers = Counter(each.state for each in runs)
    told = [f"{numbers[state]} {state}" for state in STATES if numbers[state] or state == "done"]
    return f"{len(runs)} runs: {', '.join(told)}"


def lanes_table(lanes: Sequence[Lane], runs: Sequence[Standing]) -> RenderableType:
    """A row for each lane, or for each run that is under way in it; then all runs in a line, the
    failed ones with their reasons, and where the logs are.
    """
    parts: list[RenderableType] = []
    if lanes:
        parts.append(_table(lanes, runs))
    parts.append(Text(counted(runs)))
    failed = [each for each in runs if each.state == "failed"]
    parts += [
        Text(printable(f"failed  {each.config.id}: {each.reason}")) for each in failed[:SHOWN]
    ]
    if len(failed) > SHOWN:
        parts.append(Text(f"and {len(failed) - SHOWN} more failed"))
    if any(lane.queued is None and not lane.end for lane in lanes):
        parts.append(Text("sacct does not say how lanes ended (no accounting?): their logs do"))
    if lanes:
        parts.append(Text(f"Logs in {lanes[0].log.parent}"))
    return Group(*parts)


def show_standings(runs: Sequence[RunConfig], results: Path) -> None:
    """The same of a grid of which nothing is known but the folders of its runs."""
    found = standings(runs, results, has_ended=_not_known)
    Console().print(lanes_table([], found))


def _not_known(job: str) -> bool:
    return False


def _table(lanes: Sequence[Lane], runs: Sequence[Standing]) -> Table:
    table = plain_table(None)
    for title in ("Lane", "State", "Node", "Under way", "Learned", "Left", "Log"):
        table.add_column(title, overflow="fold")
    for lane in lanes:
        under_way = [run for run in runs if run.state == "running" and run.lane == lane.job]
        first = (lane.name, _state(lane), "" if lane.queued is None else lane.queued.node)
        if not under_way:
            table.add_row(*map(Text, (*first, "", "", "", lane.log.name)))
        for run in under_way:
            table.add_row(*map(Text, (*first, *_of_run(run), lane.log.name)))
    return table


def _state(lane: Lane) -> str:
    if lane.queued is None:
        return f"ended ({lane.end})" if lane.end else "ended"
    if lane.queued.waits:
        return f"waiting ({lane.queued.reason})"
    return lane.queued.state.lower()


def _of_run(run: Standing) -> tuple[str, str, str]:
    name = printable(f"{run.config.strategy} seed {run.config.seed}")
    percent = f"{100 * run.learned / run.experiences:.0f} %" if run.experiences else ""
    return name, percent, left_in_words(run.seconds_left)
