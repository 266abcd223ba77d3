"""Options: what several verbs take, declared once."""

from pathlib import Path
from typing import Annotated

import typer

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
    str, typer.Option(help="Name (see list backbones) or folder in transformers' layout.")
]
Limit = Annotated[
    int | None,
    typer.Option(help="Samples a split, to try things out; marks results as partial.", min=1),
]
Device = Annotated[str, typer.Option(help="auto, cpu, or cuda.")]


def _load_methods(files: list[Path]) -> list[Path]:
    """Before anything else of the verb: files may name the kinds that these define."""
    if files:
        from clvl_bench.methods.registry import load_methods

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
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="Decode every image again, even where size and time of its file are as they were.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would run; write nothing.")]

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
