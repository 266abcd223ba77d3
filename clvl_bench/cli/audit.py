"""The verb `audit`: whether a strategy sees, reads and keeps what it may."""

from typing import Annotated

import typer

from clvl_bench.cli import completing, options
from clvl_bench.cli.preparing import silence_libraries


def audit(
    strategy: Annotated[
        str,
        typer.Argument(
            help="Name or path of a strategy's TOML file.", autocompletion=completing.strategies
        ),
    ],
    benchmark: Annotated[
        str | None,
        typer.Argument(
            help="Name or path of a benchmark's TOML file; a toy one if left out.",
            autocompletion=completing.benchmarks,
        ),
    ] = None,
    backbone: options.Backbone = "tiny",
    methods: options.Methods = [],  # noqa: B006 (typer's form)
) -> None:
    """Listen to a small run of a strategy: does it leak? The exit code is 1 when it does."""
    from clvl_bench.audits.small import small_config

    config = small_config(strategy, benchmark, backbone=backbone)
    silence_libraries(config.threads)
    from clvl_bench.runs.libraries import import_libraries

    import_libraries()
    from clvl_bench.audits.audit import audit as audit_one
    from clvl_bench.audits.verdict import PROMISES

    wrong = 0
    for finding in audit_one(config):
        wrong += bool(finding.found)
        said = f"FAILED  {finding}" if finding.found else f"passed  {finding.name}"
        print(said if finding.found else f"{said}: {PROMISES[finding.question]}")
    print(f"{strategy} on {config.benchmark}: {wrong} audits failed")
    if wrong:
        raise typer.Exit(1)
