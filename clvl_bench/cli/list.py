"""The verb `list`: what there is. The tables are made in `listing`."""

from typing import Annotated

import typer

from clvl_bench.cli import completing, options


def list_(
    what: Annotated[
        str,
        typer.Argument(
            help="datasets, benchmarks, strategies, adapters, plugins, backbones, answerers or "
            "metrics; or a kind of one.",
            autocompletion=completing.tables,
        ),
    ] = "all",
    methods: options.Methods = [],  # noqa: B006 (typer's form)
) -> None:
    """Show what there is."""
    from clvl_bench.cli.listing import show

    show(what)
