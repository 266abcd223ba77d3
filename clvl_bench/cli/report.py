"""The verb `report`: tables and plots of records."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clvl_bench.cli import completing, options
from clvl_bench.cli.preparing import result_folders
from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.core.exit_codes import ExitCode

if TYPE_CHECKING:
    from clvl_bench.report.runs import Run


def report(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Run folders, folders of them, committed folders, or an experiment.",
            autocompletion=completing.experiments,
        ),
    ] = [],  # noqa: B006 (typer's form)
    out: Annotated[Path, typer.Option(help="Where tables and plots go.")] = Path("results/report"),
    methods: options.Methods = [],  # noqa: B006 (typer's form)
    results: options.Results = options.RESULTS,
    plots: Annotated[bool, typer.Option(help="Draw the plots, too.")] = True,
    beside: Annotated[
        str | None,
        typer.Option(
            help="Published numbers that ours are laid beside, in beside.md: a table of "
            "results/published by its name, as zscl_mtil, or a CSV of your own.",
            autocompletion=completing.published_tables,
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(help="Sort rows by a metric, best first, as last or forgetting."),
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help="Of the plots: png, pdf, svg, or several of them.")
    ] = "png",
    page: options.Page = True,
    pictures: options.Pictures = False,
) -> None:
    """Make tables and plots of records. A damaged run is named and left out; the exit code is 4."""
    from clvl_bench.cli.show import show_table
    from clvl_bench.report.committed import seal, write_committed
    from clvl_bench.report.report_data import ReportData
    from clvl_bench.report.runs import find_runs
    from clvl_bench.report.writing import write_report
    from clvl_bench.runs.recorded import benchmark_of, configuration_of

    found = find_runs(result_folders(runs, results))
    data = ReportData(
        found.runs,
        published=None if beside is None else _published(beside),
        sort=sort,
        formats=_formats(format_),
        private_pictures=pictures,
        recorded=configuration_of,
        prompted=benchmark_of,
    )
    # A sort that is not there is refused before anything is written.
    assert len(data.sorted)
    _say_what_is_not_checked(found.runs)
    write_committed(found.runs, out)
    written = write_report(data, out, plots=plots, page=page)
    seal(out)
    show_table(found.runs, sort=sort)
    print(f"Tables and plots: {out}")
    if written is not None:
        print(f"Page: {written}")
    if found.damage is not None:
        raise typer.Exit(ExitCode.DAMAGE)


def _published(told: str) -> Path:
    """The file of a published table, by name or path."""
    from clvl_bench.runs.published_tables import SUFFIXES, table_file

    if told.endswith(SUFFIXES) or "/" in told:
        return Path(told)
    return table_file(told)


FORMATS = ("png", "pdf", "svg")


def _formats(told: str) -> tuple[str, ...]:
    """The formats of the plots, each once.

    Raises:
        Mistake: one of them is none that plots have.
    """
    names = tuple(dict.fromkeys(name.strip() for name in told.split(",")))
    for name in names:
        if name not in FORMATS:
            raise Mistake(f"--format: {unknown('format', name, FORMATS)}")
    return names


def _say_what_is_not_checked(found: "list[Run]") -> None:
    """Once: committed records are as they were written, and no more than that is known of them."""
    from clvl_bench.core.errors import warn

    count = sum(run.is_committed for run in found)
    if count:
        warn(
            f"{count} runs come from committed records, which are as their manifest says; data and "
            f"weights are not here, and were not checked"
        )
