"""The verb `check`: whether files are valid."""

from pathlib import Path
from typing import Annotated

import typer

from clvl_bench.core.errors import Mistake


def check(files: Annotated[list[Path], typer.Argument(help="TOML files.")]) -> None:
    """Validate files without running anything."""
    from clvl_bench.runs import files as configuration

    for file in files:
        if not file.is_file():
            raise Mistake(f"{file}: no such file")
        sort, _ = configuration.check(file)
        print(f"{file}: a valid {sort}")
