"""The verb `compare`: whether numbers moved between two sets of runs."""

from pathlib import Path
from typing import Annotated

import typer

from clvl_bench.core.errors import Mistake
from clvl_bench.core.exit_codes import ExitCode

LISTED = 20
"""Differences that are printed; more are counted."""


def compare(
    a: Annotated[Path, typer.Argument(help="Run folder, folder of them, or committed folder.")],
    b: Annotated[Path, typer.Argument(help="The same, to compare with.")],
    tolerance: Annotated[
        float,
        typer.Option(help="Largest difference of an accuracy, in 0..1, that is no change.", min=0),
    ] = 0.0,
) -> None:
    """Compare two sets of runs. The exit code is 1 when numbers moved."""
    for folder in (a, b):
        if not folder.is_dir():
            raise Mistake(
                f"{folder}: no such folder; give a run folder, a folder of runs, or one of "
                f"committed records"
            )
    from clvl_bench.report import compare as comparison
    from clvl_bench.report.runs import load

    differences, compared = comparison.compare(load([a]), load([b]), tolerance=tolerance)
    for difference in differences[:LISTED]:
        print(f"{difference.where}: {difference.a:.4f} against {difference.b:.4f}")
    if len(differences) > LISTED:
        print(f"and {len(differences) - LISTED} more")
    print(f"{compared} runs compared, {len(differences)} values differ by more than {tolerance:g}")
    if differences:
        raise typer.Exit(ExitCode.FAILED)
