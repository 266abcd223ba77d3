"""Restarts: a job of a cluster that is queued again and again, and comes no further, is ended."""

import os
from pathlib import Path
from signal import SIGUSR1

from clvl_bench.core.errors import RunFailed
from clvl_bench.core.stopping import TIME_LIMIT
from clvl_bench.runs.engines.slurm_script import IN_VAIN, MOST_IN_VAIN


def refuse_endless(reason: str, *, progressed: bool) -> None:
    """Fail where a job would only repeat itself, instead of asking to be queued again.

    Args:
        reason: why it was told to stop. Who cancels a job, or takes its place, says nothing of
            its time.
        progressed: whether it has kept anything new.

    Raises:
        RunFailed: its time was over before that, several times in a row.
    """
    named = os.environ.get(IN_VAIN)
    if not named:
        return
    noted = Path(named)
    if progressed:
        noted.unlink(missing_ok=True)
    elif reason in (SIGUSR1.name, TIME_LIMIT):
        with noted.open("a") as lines:
            lines.write(f"{reason}\n")
        if len(noted.read_text().splitlines()) >= MOST_IN_VAIN:
            raise RunFailed(
                f"its time was over before anything new was kept, {MOST_IN_VAIN} times in a row; "
                "it is not queued again: give it a longer --time than importing and one "
                "experience take"
            )
