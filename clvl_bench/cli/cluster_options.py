"""Options of the verb `grid` that are about a cluster."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from clvl_bench.cli import completing
from clvl_bench.cli.options import UNITS
from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.runs.engines import ENGINES

if TYPE_CHECKING:
    from clvl_bench.runs.engines.slurm_script import Resources

FOR = {
    "--member": ("local",),
    "--time-limit": ("local",),
    "--encode": ("local",),
    "--verify": ("local", "ray"),
    "--lanes": ("slurm",),
    "--partition": ("slurm",),
    "--time": ("slurm",),
    "--memory": ("slurm",),
    "--account": ("slurm",),
    "--sbatch": ("slurm",),
    "--no-wait": ("slurm",),
    "--gpus": ("slurm", "ray"),
    "--address": ("ray",),
}
"""Whom an option says something."""

On = Annotated[
    str,
    typer.Option(
        "--on",
        help="Who works on it: local, slurm, or ray.",
        metavar="ENGINE",
        autocompletion=completing.engines,
    ),
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
    str | None,
    typer.Option(
        help="SLURM: GPUs of a lane, as 1 or a100:1; a run uses one. Ray: of a run, as 1 or 0.25; "
        "1 with --device cuda, else none."
    ),
]
Memory = Annotated[str | None, typer.Option(help="SLURM: memory of a lane, as 16G.")]
Account = Annotated[str | None, typer.Option(help="SLURM: who pays.")]
Sbatch = Annotated[
    list[str],
    typer.Option("--sbatch", help="SLURM: any other option of sbatch, as qos=low; repeatable."),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="Ray: a cluster that is there, as HOST:PORT of its head, or auto on a machine of it. "
        "If left out, RAY_ADDRESS; else one of its own here.",
        metavar="HOST:PORT",
    ),
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


def refuse_for_another(on: str, given: Mapping[str, object]) -> None:
    """Refuse an engine that there is not, and options that say nothing to the one there is.

    Args:
        given: name and value of each option that is for some of them only.

    Raises:
        Mistake: one of the two.
    """
    if on not in ENGINES:
        raise Mistake(f"--on {on}: {unknown('engine', on, ENGINES)}")
    for name, value in given.items():
        if value and on not in FOR[name]:
            engines = " or ".join(f"--on {engine}" for engine in FOR[name])
            raise Mistake(f"{name}: says nothing to --on {on}; it is for {engines}")


@dataclass(frozen=True)
class Cluster:
    """What was said of a cluster."""

    lanes: int | None = None
    partition: str | None = None
    time: str | None = None
    gpus: str | None = None
    memory: str | None = None
    account: str | None = None
    sbatch: tuple[str, ...] = ()
    address: str | None = None

    @property
    def given(self) -> dict[str, object]:
        """The value of each option by its name."""
        return {f"--{name}": value for name, value in vars(self).items()}

    def resources(self, jobs: int) -> "Resources":
        """What a lane asks SLURM for, that works on so many runs at a time.

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

    def gpus_of_a_run(self, device: str) -> float:
        """What a run asks Ray for.

        Raises:
            Mistake: it is no number, or says something else than the device.
        """
        on_gpu = device.startswith("cuda")
        if self.gpus is None:
            return 1.0 if on_gpu else 0.0
        if not re.fullmatch(r"\d+|0?\.\d+", self.gpus):
            raise Mistake(f"--gpus {self.gpus}: Ray is asked for a number; write 1, or 0.25")
        gpus = float(self.gpus)
        if (on_gpu and not gpus) or (device == "cpu" and gpus):
            raise Mistake(f"--gpus {self.gpus}: says something else than --device {device}")
        return gpus


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
