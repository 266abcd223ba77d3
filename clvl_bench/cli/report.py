"""The verb `report`: tables and plots of records."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clvl_bench.cli import options
from clvl_bench.cli.preparing import result_folders

if TYPE_CHECKING:
    from clvl_bench.report.runs import Run


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
    """Make tables and plots of records."""
    from clvl_bench.cli.show import show_table
    from clvl_bench.report.committed import seal, write_committed
    from clvl_bench.report.runs import load
    from clvl_bench.report.writing import write_report

    found = load(result_folders(runs, results))
    _say_what_is_not_checked(found)
    write_committed(found, out)
    write_report(found, out, plots=plots, published=beside)
    seal(out)
    show_table(found)
    print(f"Tables and plots: {out}")


def _say_what_is_not_checked(found: "list[Run]") -> None:
    """Once: committed records are as they were written, and no more than that is known of them."""
    from clvl_bench.core.errors import warn

    count = sum(run.is_committed for run in found)
    if count:
        warn(
            f"{count} runs come from committed records, which are as their manifest says; data and "
            f"weights are not here, and were not checked"
        )
