"""The tuple of all declared backbones, family by family, and how one is found by name."""

from collections.abc import Sequence
from pathlib import Path

from clvl_bench.backbones.catalog.declaration import BackboneDeclaration
from clvl_bench.backbones.catalog.general import GENERAL
from clvl_bench.backbones.catalog.medical import MEDICAL
from clvl_bench.backbones.catalog.satellite import SATELLITE
from clvl_bench.backbones.catalog.small import PHOTO, TINY
from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.core.files import exists, expanded

BACKBONES: tuple[BackboneDeclaration, ...] = (TINY, PHOTO, *GENERAL, *SATELLITE, *MEDICAL)


def find(name: str) -> BackboneDeclaration | Path:
    """A declared backbone, or the folder that `name` is the path of.

    Raises:
        Mistake: it is neither.
    """
    return found_in(BACKBONES, name, what="backbone")


def found_in(
    declared: Sequence[BackboneDeclaration], name: str, *, what: str
) -> BackboneDeclaration | Path:
    """The one of that name or repository, or the folder that `name` is the path of.

    Raises:
        Mistake: it is neither.
    """
    for each in declared:
        if name in (each.name, each.repository):
            return each
    path = expanded(name)
    if exists(path) and path.is_dir():
        return path
    if name.startswith((".", "/", "~")):
        raise Mistake(f"{what} '{name}': no such folder; give a folder in transformers' layout")
    raise Mistake(unknown(what, name, (each.name for each in declared)))
