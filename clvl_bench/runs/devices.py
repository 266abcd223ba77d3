"""Devices: which one a run takes."""

import os

from clvl_bench.core import world
from clvl_bench.core.errors import Mistake

DEVICES = ("auto", "cpu", "cuda")
"""What may be asked for; a GPU among several also by its number, as `cuda:1`."""


def refuse_missing_device(name: str, precision: str = "fp32") -> None:
    """Say at once what each worker of a grid would find when it chooses.

    Where nothing can be wrong torch is not asked: importing it takes seconds.

    Raises:
        Mistake: as `choose_device`.
    """
    if name in ("auto", "cpu") and precision == "fp32":
        return
    choose_device(name, precision)


def choose_device(name: str, precision: str = "fp32") -> str:
    """The device to use: `auto` takes a GPU where there is one.

    Raises:
        Mistake: there is no such device here, or a CPU was found where less than fp32 was asked
            for; it has no tf32, whoever insists on it.
    """
    import torch

    from clvl_bench.backbones.precision import refuse_missing_precision

    has_gpu = torch.cuda.is_available()
    if name == "cpu" or not has_gpu:
        refuse_missing_precision(precision, "cpu")
    if name == "auto":
        if precision != "fp32" and not has_gpu:
            raise Mistake(
                f"--precision {precision}: there is no GPU here; use fp32, or insist with "
                "--device cpu"
            )
        return "cuda" if has_gpu else "cpu"
    if name == "cpu" or (name.startswith("cuda") and has_gpu):
        return name
    allowed = ", ".join(each for each in DEVICES if has_gpu or each != "cuda")
    raise Mistake(f"--device {name}: there is none here; allowed: {allowed}")


def take_own_gpu(device: str) -> None:
    """Where several processes work on one run, each has a GPU of its own: from here on that is what
    this process means by `cuda`.

    Raises:
        Mistake: there are too few, or one is named for all.
    """
    if world.size() == 1 or device == "cpu":
        return
    if device != "cuda":
        raise Mistake(f"--device {device}: each process has a GPU of its own; give --device cuda")
    import torch

    own, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if own >= count:
        raise Mistake(
            f"torchrun: each process has a GPU of its own, and here are {count}; give "
            f"--nproc-per-node {count}, or let the command have --device cpu"
        )
    torch.cuda.set_device(own)
