"""The verb `select`: the best settings of a sweep, by validation."""

from typing import Annotated

import typer

from clvl_bench.cli import completing, options
from clvl_bench.cli.preparing import result_folders


def select(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="An experiment with a sweep, or run folders.",
            autocompletion=completing.experiments,
        ),
    ],
    methods: options.Methods = [],  # noqa: B006 (typer's form)
    results: options.Results = options.RESULTS,
) -> None:
    """Show which settings are best on validation. Test accuracy is not looked at."""
    from clvl_bench.cli.show import show_settings
    from clvl_bench.report import selection
    from clvl_bench.report.runs import load

    found = load(result_folders(runs, results))
    show_settings(selection.select(found))
