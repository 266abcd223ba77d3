"""The verb `fetch`: downloads."""

import os
from typing import Annotated

import typer

from clvl_bench.cli import completing


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(help="Datasets, backbones or answerers.", autocompletion=completing.fetched),
    ],
) -> None:
    """Download datasets or weights. It takes the pinned commit, and is the only verb that uses the
    network.
    """
    # Read when the hub library is imported: `main` has said that nothing uses the network.
    os.environ["HF_HUB_OFFLINE"] = "0"
    from clvl_bench.hub import fetch as downloads

    for name in names:
        print(f"{name}: {downloads.fetch(name)}")
