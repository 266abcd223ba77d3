"""The verb `doctor`: what works on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from clvl_bench.core.exit_codes import ExitCode

if TYPE_CHECKING:
    from clvl_bench.cli.findings import Kind


def doctor(
    data: Annotated[
        bool, typer.Option("--data", help="Hash all fetched data, and say what changed.")
    ] = False,
    weights: Annotated[
        bool, typer.Option("--weights", help="Hash all fetched weights, and say what changed.")
    ] = False,
) -> None:
    """Show what works on this machine. Where something does not, it says what to type."""
    from clvl_bench.cli.findings import examine

    hashed: list[Kind] = []
    if data:
        hashed.append("dataset")
    if weights:
        hashed.append("model")
    if not examine(hashes=hashed):
        raise typer.Exit(ExitCode.FAILED)
