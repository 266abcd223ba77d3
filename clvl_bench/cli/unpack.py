"""The verb `unpack`: such an archive into the hub cache."""

from pathlib import Path
from typing import Annotated

import typer

from clvl_bench.core.errors import Mistake


def unpack(archive: Annotated[Path, typer.Argument(help="An archive that pack wrote.")]) -> None:
    """Unpack such an archive. Data and weights go into the hub cache, and every hash is checked."""
    if not archive.is_file():
        raise Mistake(f"{archive}: no such file")
    from huggingface_hub.constants import HF_HUB_CACHE

    from clvl_bench.hub import unpacking

    names = unpacking.unpack(archive, Path(HF_HUB_CACHE))
    print(f"{archive}: {', '.join(names)} are here now")
