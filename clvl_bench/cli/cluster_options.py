"""Options of the verb `grid` that are about a cluster."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from clvl_bench.cli.options import UNITS
from clvl_bench.core.errors import Mistake, unknown

if TYPE_CHECKING:
    from clvl_bench.runs.engines.slurm_script import Resources

ENGINES = ("local", "slurm")
"""What works on a grid."""

On = Annotated[
    str, typer.Option("--on", help="Who works on it: local, or slurm.", metavar="ENGINE")
]
Lanes = Annotated[
    int | None, typer.Option(help="SLURM: members that share the runs, a job each; 1.", min=1)
]
Partition = Annotated[str | None, typer.Option(help="SLURM: of the lanes.")]
Time = Annotated[
    str | None,
    typer.Option(
        help="SLURM: time limit of a lane, which is queued again behind it: 55m, 1.5h, or as "
        "sbatch reads it."
    ),
]
Gpus = Annotated[
    str | None, typer.Option(help="SLURM: GPUs of a lane, as 1 or a100:1; a run uses one.")
]
Memory = Annotated[str | None, typer.Option(help="SLURM: memory of a lane, as 16G.")]
Account = Annotated[str | None, typer.Option(help="SLURM: who pays.")]
Sbatch = Annotated[
    list[str],
    typer.Option("--sbatch", help="SLURM: any other option of sbatch, as qos=low; repeatable."),
]
Status = Annotated[bool, typer.Option("--status", help="Show where it stands; start nothing.")]
Wait = Annotated[
    bool,
    typer.Option("--wait/--no-wait", help="SLURM: look on until it is done, or submit and go."),
]
Encode = Annotated[
    bool,
    typer.Option("--encode", help="Read and encode what its runs will read, and run none of them."),
]


@dataclass(frozen=True)
class Cluster:
    """What was said of the lanes of a cluster."""

    lanes: int | None = None
    partition: str | None = None
    time: str | None = None
    gpus: str | None = None
    memory: str | None = None
    account: str | None = None
    sbatch: tuple[str, ...] = ()

    def check(self, on: str, *, here: Mapping[str, object]) -> None:
        """Refuse an engine that there is not, and options that say nothing to the one there is.

        Args:
            here: name and value of each option that is for a grid on this machine.

        Raises:
            Mistake: one of the two.
        """
        if on not in ENGINES:
            raise Mistake(f"--on {on}: {unknown('engine', on, ENGINES)}")
        given = here if on == "slurm" else {f"--{name}": each for name, each in vars(self).items()}
        wrong = ", ".join(name for name, value in given.items() if value)
        if wrong and on == "slurm":
            raise Mistake(
                f"{wrong}: is for a grid on this machine; leave it out (lanes have --time)"
            )
        if wrong:
            raise Mistake(f"{wrong}: is for lanes of a cluster; add --on slurm")

    def resources(self, jobs: int) -> "Resources":
        """What a lane asks for, that works on so many runs at a time.

        Raises:
            Mistake: a time or an option of sbatch is none.
        """
        from clvl_bench.runs.engines.slurm_script import Resources, sbatch_options

        return Resources(
            jobs=jobs,
            partition=self.partition,
            seconds=seconds_of(self.time),
            gpus=self.gpus,
            memory=self.memory,
            account=self.account,
            extra=sbatch_options(self.sbatch),
        )


def seconds_of(time: str | None) -> int | None:
    """Of `55m`, `1.5h`, `2d`, or of what sbatch reads: `minutes`, `minutes:seconds`,
    `hours:minutes:seconds`, `days-hours`, `days-hours:minutes`, `days-hours:minutes:seconds`.

    Raises:
        Mistake: it is none of them, or less than a minute, which SLURM does not count.
    """
    if time is None:
        return None
    seconds = _with_unit(time) or _of_sbatch(time)
    if seconds is None or seconds < 60:
        raise Mistake(f"--time {time}: is no time of a minute or more; write 55m, 1.5h or 0:55:00")
    return seconds


def _with_unit(time: str) -> int | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", time)
    return None if found is None else int(float(found[1]) * UNITS[found[2]])


def _of_sbatch(time: str) -> int | None:
    found = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", time)
    if found is None:
        return None
    days, *parts = found.groups()
    numbers = [int(part) for part in parts if part is not None]
    # Behind days the first number is hours; alone or before one other it is minutes.
    units = (3600, 60, 1) if days is not None or len(numbers) == 3 else (60, 1)
    clock = sum(number * unit for number, unit in zip(numbers, units, strict=False))
    return int(days or 0) * 86400 + clock
