"""The verb `import-weights`: published weights in another layout."""

from pathlib import Path
from typing import Annotated

import typer

from clvl_bench.cli.preparing import silence_libraries
from clvl_bench.core.errors import Mistake


def import_weights(
    file: Annotated[Path, typer.Argument(help="A state dict, .safetensors or .pt.")],
    arch: Annotated[str, typer.Option(help="The architecture's name there, for example ViT-B-32.")],
    from_: Annotated[
        str, typer.Option("--from", help="Whose names the weights have: open_clip.")
    ] = "open_clip",
    to: Annotated[
        Path | None, typer.Option("--to", help="The folder to write; the file's name if left out.")
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(help="What records call these weights' family, for example RemoteCLIP."),
    ] = None,
) -> None:
    """Convert published weights to a folder. --backbone takes it; its features are checked against
    the original's.
    """
    if from_ != "open_clip":
        raise Mistake(f"--from {from_}: allowed: open_clip")
    if not file.is_file():
        raise Mistake(f"{file}: no such file")
    silence_libraries(1)
    from clvl_bench.backbones import importing

    folder = to or Path(file.stem)
    made = importing.import_weights(file, architecture=arch, folder=folder, family=family)
    # A name without a slash would be taken for that of a declared backbone.
    where = made.folder if made.folder.is_absolute() else f"./{made.folder}"
    print(
        f"{file}: features agree with open_clip's to {made.difference:.1e}; use it with --backbone "
        f"{where}"
    )
