"""Lanes on SLURM: submitted once, however often they are asked for, and looked at from anywhere.

Nothing has to stay up: SLURM is the queue, and the folders of runs say how far they are. What is
kept beside the scripts is only which jobs they became.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from clvl_bench.core.files import parse_json, to_json, write_atomically
from clvl_bench.core.lock import in_turn
from clvl_bench.runs.engines import slurm
from clvl_bench.runs.engines.lanes import Plan
from clvl_bench.runs.engines.slurm_script import Resources, encoding_script, lanes_script

SUBMITTED = "submitted.json"
ENCODE = "-encode"


@dataclass(frozen=True)
class Submitted:
    """The jobs that were submitted last for a grid.

    Args:
        array: the number of the lanes' job, which is an array.
        encode: of the job before it; None where there was nothing to encode.
        earlier: the arrays before this one, which have ended.
    """

    array: str
    lanes: int
    encode: str | None = None
    earlier: tuple[str, ...] = ()

    @property
    def jobs(self) -> list[str]:
        """The numbers of all jobs and tasks, in the order of the lanes."""
        tasks = [f"{self.array}_{lane}" for lane in range(1, self.lanes + 1)]
        return tasks if self.encode is None else [self.encode, *tasks]

    def includes(self, job: str) -> bool:
        """Whether a job is a lane of this grid, of now or of before."""
        return job.partition("_")[0] in (self.array, *self.earlier)


def scripts(plan: Plan, command: Sequence[str], resources: Resources, cwd: Path) -> dict[str, str]:
    """The text of each script by its name, in the order of submitting.

    Args:
        command: starts a member of the grid, but for which member it is.
        cwd: in which the command means what it means here.
    """
    written = {}
    if plan.encode:
        written["encode.sh"] = encoding_script(
            [*command, "--encode"],
            resources,
            name=_job_name(plan) + ENCODE,
            log=plan.log(0),
            folder=cwd,
        )
    if plan.lanes:
        written["lanes.sh"] = lanes_script(
            command,
            resources,
            lanes=plan.lanes,
            name=_job_name(plan),
            log=plan.folder / "lane-%a.log",
            folder=cwd,
        )
    return written


def submit_once(plan: Plan, written: dict[str, str]) -> bool:
    """Give SLURM the scripts, unless lanes of this grid are in its queue; whether it was done.

    Raises:
        Mistake: SLURM does not take them.
        RunFailed: SLURM does not answer.
    """
    with in_turn(plan.folder / "claims", f"submitting {plan.name}"):
        known = queued(plan)
        if any(job.task for job in known) or "lanes.sh" not in written:
            return False
        for name, text in written.items():
            write_atomically(plan.folder / name, text.encode())
        # Whoever died between the two left one that encodes.
        encode = next((job.job for job in known), None)
        if encode is None and "encode.sh" in written:
            encode = slurm.submit(plan.folder / "encode.sh")
        array = slurm.submit(plan.folder / "lanes.sh", after=encode)
        before = submitted(plan)
        earlier = () if before is None else (*before.earlier, before.array)
        told = Submitted(array, plan.lanes, encode, earlier)
        write_atomically(plan.folder / SUBMITTED, to_json(asdict(told)))
    return True


def queued(plan: Plan) -> list[slurm.Job]:
    """The jobs of a grid that SLURM has not ended yet."""
    return slurm.queue([_job_name(plan), _job_name(plan) + ENCODE])


def submitted(plan: Plan) -> Submitted | None:
    """What was submitted last; None where nothing was."""
    try:
        told = parse_json((plan.folder / SUBMITTED).read_bytes())
        return Submitted(**{**told, "earlier": tuple(told["earlier"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _job_name(plan: Plan) -> str:
    return f"clvl-{plan.name}"
