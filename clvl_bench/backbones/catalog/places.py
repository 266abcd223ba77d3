"""Where the files of a declared backbone lie, and whether they are here."""

from pathlib import Path

import clvl_bench
from clvl_bench.backbones.catalog.declaration import BackboneDeclaration
from clvl_bench.core.cache_dir import hub_snapshot


def assets() -> Path:
    """The folder of the embedded weights."""
    return Path(clvl_bench.__file__).parent / "assets" / "tiny-clip"


def folder_of(declared: BackboneDeclaration) -> Path:
    """Where the files of a declared backbone lie, present or not; of one in packages, where its
    first file does.
    """
    if declared.packaged:
        first = declared.packaged[0].location
        return Path("not-installed") if first is None else first.parent
    if declared.repository is None:
        return assets()
    return hub_snapshot(declared.repository, declared.revision or "not-pinned", "model")


def is_here(declared: BackboneDeclaration) -> bool:
    """Whether its weights are on this machine."""
    if declared.packaged:
        return all(each.location is not None for each in declared.packaged)
    return (folder_of(declared) / declared.weights).is_file()
