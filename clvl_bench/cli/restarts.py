"""Restarts: a job of a cluster that is queued again and again, and comes no further, is ended."""

import os
from signal import SIGUSR1

from clvl_bench.core.errors import RunFailed
from clvl_bench.core.stopping import TIME_LIMIT
from clvl_bench.runs.engines.slurm_script import MOST_RESTARTS

RESTARTS = "SLURM_RESTART_COUNT"
"""The environment variable in which SLURM says how often it has queued this job again."""


def refuse_endless(reason: str, *, progressed: bool) -> None:
    """Fail where a job would only repeat itself, instead of asking to be queued again.

    Args:
        reason: why it was told to stop. Who cancels a job, or takes its place, says nothing of
            its time.
        progressed: whether it has kept anything new.

    Raises:
        RunFailed: nothing was kept until its time was over, and it was restarted often enough.
    """
    if progressed or reason not in (SIGUSR1.name, TIME_LIMIT):
        return
    said = os.environ.get(RESTARTS, "")
    if said.isdecimal() and int(said) >= MOST_RESTARTS:
        raise RunFailed(
            f"restarted {said} times, and its time was over before anything new was kept; it is "
            "not queued again: give it a longer --time than importing and one experience take"
        )
