"""The verb `report`: tables and plots of records."""

from pathlib import Path
from typing import Annotated

import typer

from clvl_bench.cli import options
from clvl_bench.cli.preparing import result_folders
from clvl_bench.core.exit_codes import ExitCode


def report(
    runs: Annotated[
        list[str],
        typer.Argument(help="Run folders, folders of them, committed folders, or an experiment."),
    ] = [],  # noqa: B006 (typer's form)
    out: Annotated[Path, typer.Option(help="Where tables and plots go.")] = Path("results/report"),
    methods: options.Methods = [],  # noqa: B006 (typer's form)
    results: options.Results = options.RESULTS,
    plots: Annotated[bool, typer.Option(help="Draw the plots, too.")] = True,
    beside: Annotated[
        Path | None,
        typer.Option(help="A table of published numbers that ours are laid beside, in beside.md."),
    ] = None,
) -> None:
    """Make tables and plots of records. A damaged run is named and left out; the exit code is 4."""
    from clvl_bench.cli.show import show_table
    from clvl_bench.report.committed import seal, write_committed
    from clvl_bench.report.runs import find_runs
    from clvl_bench.report.writing import write_report

    found = find_runs(result_folders(runs, results))
    write_committed(found.runs, out)
    write_report(found.runs, out, plots=plots, published=beside)
    seal(out)
    show_table(found.runs)
    print(f"Tables and plots: {out}")
    if found.damage is not None:
        raise typer.Exit(ExitCode.DAMAGE)
