"""Options: what several verbs take, declared once."""

import math
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from clvl_bench.cli import completing
from clvl_bench.core.errors import Mistake

Results = Annotated[
    Path, typer.Option("--results", help="Folder of results.", envvar="CLVL_RESULTS")
]
Overrides = Annotated[
    list[str],
    typer.Option(
        "--set", help="Override a field, e.g. train.epochs=1 or benchmark.label_space=seen."
    ),
]
Backbone = Annotated[
    str,
    typer.Option(
        help="Name (see list backbones) or folder in transformers' layout.",
        autocompletion=completing.backbones,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(help="Samples a split, to try things out; marks results as partial.", min=1),
]
Device = Annotated[str, typer.Option(help="auto, cpu, or cuda.", autocompletion=completing.devices)]


def _load_methods(files: list[Path]) -> list[Path]:
    """Before anything else of the verb: files may name the kinds that these define."""
    if files:
        from clvl_bench.methods.registry import load_methods

        warnings.filterwarnings("ignore")  # of libraries that a method's file imports
        load_methods(files)
    return files


Methods = Annotated[
    list[Path],
    typer.Option(
        "--methods",
        help="A Python file with methods of your own; it is run. See SECURITY.md.",
        callback=_load_methods,
    ),
]


def _usable_trackers(names: list[str]) -> list[str]:
    if names:
        from clvl_bench.exporters.listing import refuse_unusable

        refuse_unusable(names)
    return names


LogTo = Annotated[
    list[str],
    typer.Option(
        "--log-to",
        help="Hand the rows to a tracker, too: tensorboard, trackio, mlflow or wandb; repeatable. "
        "Local, unless the tracker's own settings say otherwise.",
        metavar="TRACKER",
        callback=_usable_trackers,
        autocompletion=completing.trackers,
    ),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="Decode every image again, even where size and time of its file are as they were.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would run; write nothing.")]


def _seconds(text: str) -> float:
    """`90`, `90s`, `55m`, `1.5h`, `2d`, or a scheduler's `[days-]hours:minutes:seconds`."""
    days, _, clock = text.rpartition("-")
    try:
        if ":" in clock:
            hours, minutes, seconds = map(float, clock.split(":"))
            total = ((float(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds
        else:
            unit = UNITS.get(text[-1:], 0)
            total = float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        total = math.nan
    if not 0 < total < math.inf:
        raise typer.BadParameter(f"'{text}' is no time; write 3600, 55m, 1.5h or 0:55:00")
    return total


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

TimeLimit = Annotated[
    float | None,
    typer.Option(
        help="Stop in time, with the state kept, and answer 75: 3600, 55m, 1.5h or 0:55:00.",
        parser=_seconds,
        metavar="TIME",
    ),
]

Member = Annotated[
    str,
    typer.Option(
        help="Which of several members on one folder this is, as 3/8: each begins at a place of "
        "its own. A SLURM array says it by itself.",
        metavar="I/N",
    ),
]


def member_of(text: str) -> tuple[int, int]:
    """The place, from 0, and the number of members; of a SLURM array where nothing is said.

    Raises:
        Mistake: it is no such pair.
    """
    if not text:
        return _member_of_array(os.environ)
    place, slash, members = text.partition("/")
    if not (slash and place.isdecimal() and members.isdecimal()):
        raise Mistake(f"--member {text}: is no pair of numbers; write 3/8 for the third of eight")
    if not 1 <= int(place) <= int(members):
        raise Mistake(f"--member {text}: members are counted from 1 to {members}")
    return int(place) - 1, int(members)


def _member_of_array(environment: Mapping[str, str]) -> tuple[int, int]:
    try:
        task, first, step, members = (
            int(environment[f"SLURM_ARRAY_TASK_{name}"]) for name in ("ID", "MIN", "STEP", "COUNT")
        )
    except (KeyError, ValueError):
        return 0, 1
    return (task - first) // max(1, step) % max(1, members), max(1, members)


Plots = Annotated[bool, typer.Option("--plots/--no-plots", help="Draw the plots, too.")]
Page = Annotated[
    bool, typer.Option("--page/--no-page", help="Write index.html, all of it as one file.")
]
Pictures = Annotated[
    bool,
    typer.Option(
        "--pictures",
        help="Let the page show pictures, questions and file names of your own data.",
    ),
]

RESULTS = Path("results")
"""Where results go if nothing else is said."""
