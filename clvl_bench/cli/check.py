"""The verb `check`: whether files are valid."""

from pathlib import Path
from typing import Annotated

import typer

from clvl_bench.cli import options
from clvl_bench.core.errors import Mistake


def check(
    files: Annotated[list[Path], typer.Argument(help="TOML files.")],
    whole: Annotated[
        bool,
        typer.Option(
            "--resolved", help="Print one file whole: with what it extends, defaults included."
        ),
    ] = False,
    methods: options.Methods = [],  # noqa: B006 (typer's form)
) -> None:
    """Validate files without running anything."""
    from clvl_bench.runs import files as configuration

    if whole and len(files) > 1:
        raise Mistake(f"--resolved: got {len(files)} files; give one, so that it can be saved")
    for file in files:
        if not file.is_file():
            raise Mistake(f"{file}: no such file")
        if whole:
            print(configuration.resolved(file))
            continue
        sort, _ = configuration.check(file)
        print(f"{file}: a valid {sort}")
