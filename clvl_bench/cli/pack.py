"""The verb `pack`: an archive of what was fetched."""

from pathlib import Path
from typing import Annotated

import typer

from clvl_bench.cli import completing


def pack(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Datasets or backbones that were fetched.", autocompletion=completing.fetched
        ),
    ],
    to: Annotated[Path, typer.Option("--to", help="The archive to write.")] = Path("bundle.tar"),
) -> None:
    """Pack what was fetched into one archive. It is for a machine without network."""
    from clvl_bench.hub import bundle

    count = bundle.pack(names, to)
    print(f"{to}: {count} files of {', '.join(names)}; there: clvl-bench unpack {to.name}")
