"""Backbones by name: pinned weights, their size and licence. Any folder in a layout that is read
works by its path too.

A new one is declared where its kin stand: `general`, `satellite` or `medical`. `declaration` says
what is declared, `listing` finds by name, `places` says where files lie.
"""

from clvl_bench.backbones.catalog.declaration import BackboneDeclaration, Packaged, Precision
from clvl_bench.backbones.catalog.listing import BACKBONES, find, found_in
from clvl_bench.backbones.catalog.places import assets, folder_of, is_here
from clvl_bench.backbones.catalog.small import LITE0

__all__ = [
    "BACKBONES",
    "LITE0",
    "BackboneDeclaration",
    "Packaged",
    "Precision",
    "assets",
    "find",
    "folder_of",
    "found_in",
    "is_here",
]
