"""SLURM, asked by its own commands: what it is given, what it has in its queue, what became of it.

Its queue is the truth: a job that it still knows is left to it, whatever the accounting says.
(After a node was lost the accounting calls a job ended that is about to start again.)
"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clvl_bench.core.errors import Missing, Mistake, RunFailed

SECONDS = 60.0
"""How long a command of SLURM may take to answer."""
MOST_LANES = 1000
"""Where the cluster does not say how many tasks an array may have: its usual number."""
FIELDS = "%i|%j|%K|%T|%r|%N|%L"


@dataclass(frozen=True)
class Job:
    """A job in the queue, or a task of an array.

    Args:
        job: its number, as `12` or `12_3`.
        task: its place in its array; 0 outside of one.
        state: as SLURM calls it: `PENDING`, `RUNNING`, ...
        reason: why it waits.
    """

    job: str
    name: str
    task: int
    state: str
    reason: str
    node: str
    left: str

    @property
    def waits(self) -> bool:
        return self.state in ("PENDING", "CONFIGURING", "SUSPENDED")


def refuse_without_slurm() -> None:
    """Before anything else takes time.

    Raises:
        Missing: its commands are not here.
    """
    if shutil.which("sbatch") is None or shutil.which("squeue") is None:
        raise Missing(
            "--on slurm: there is no sbatch here; log in where jobs are submitted, or leave "
            "--on slurm out"
        )


def submit(script: Path, *, after: str | None = None) -> str:
    """Queue a script; the number of its job.

    Args:
        after: a job that has to end before, well or not.

    Raises:
        Mistake: SLURM does not take it.
    """
    command = ["sbatch", "--parsable"]
    if after is not None:
        command.append(f"--dependency=afterany:{after}")
    told = _ask([*command, str(script)])
    if told.returncode:
        raise Mistake(f"sbatch: {_last_line(told.stderr)}; the script is {script}")
    # Behind a semicolon stands the name of the cluster, where there are several.
    return told.stdout.strip().partition(";")[0]


def queue(names: Iterable[str]) -> list[Job]:
    """The jobs of these names, of whichever user, that SLURM has not ended yet.

    Raises:
        RunFailed: it does not answer.
    """
    command = ["squeue", "--noheader", "--array", f"--name={','.join(names)}", f"--format={FIELDS}"]
    told = _ask(command)
    if told.returncode:
        raise RunFailed(f"squeue: {_last_line(told.stderr)}")
    return [_job(line) for line in told.stdout.splitlines() if line.count("|") == 6]


def ended(jobs: Sequence[str]) -> dict[str, str]:
    """How jobs and tasks ended, as `COMPLETED` or `NODE_FAIL`, as far as there is accounting."""
    command = ["sacct", "--noheader", "--parsable2", "--allocations", "--format=JobID,State"]
    try:
        told = _ask([*command, f"--jobs={','.join(jobs)}"])
    except (Missing, RunFailed):
        return {}
    found = {}
    for line in told.stdout.splitlines() if not told.returncode else ():
        job, _, state = line.partition("|")
        found[job] = state.partition(" ")[0]
    return found


def most_lanes() -> int:
    """How many tasks an array may have here."""
    try:
        told = _ask(["scontrol", "show", "config"])
    except (Missing, RunFailed):
        return MOST_LANES
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", told.stdout, re.MULTILINE)
    # Tasks are counted from 1, and the greatest number is one less than the size.
    return MOST_LANES if found is None else max(1, int(found[1]) - 1)


def _job(line: str) -> Job:
    job, name, task, state, reason, node, left = line.split("|")
    return Job(job, name, int(task) if task.isdigit() else 0, state, reason, node, left)


def _ask(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except FileNotFoundError:
        raise Missing(f"{command[0]}: is not here; it is a command of SLURM") from None
    except subprocess.TimeoutExpired:
        raise RunFailed(f"{command[0]}: did not answer for {SECONDS:.0f} s") from None


def _last_line(text: str) -> str:
    """What a command complained of last, without its own name."""
    line = (text.strip().splitlines() or ["no reason was given"])[-1]
    return re.sub(r"^\w+: (error: )?", "", line)
