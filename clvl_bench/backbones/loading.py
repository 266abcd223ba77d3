"""Backbones: weights on disk -> a frozen model. A name finds the pinned weights in the hub cache, a
path any folder.
"""

from importlib import import_module
from pathlib import Path

from clvl_bench.backbones.base import TowerBackbone
from clvl_bench.backbones.catalog import (
    BackboneDeclaration,
    Precision,
    find,
    folder_of,
    is_here,
)
from clvl_bench.backbones.folders import CONFIG, OPEN_CLIP_CONFIG, opened, read_json
from clvl_bench.backbones.precision import refuse_missing_precision
from clvl_bench.core.errors import Damage, Missing

LAYOUTS = {"clip": "clip", "siglip": "siglip", "bert": "photo"}
"""Which module reads a folder, by the `model_type` of its config.json."""


def load_backbone(
    name: str, *, device: str = "cpu", precision: Precision = "fp32"
) -> TowerBackbone:
    """The frozen backbone of that name or path.

    Raises:
        Mistake: it is not declared and is no folder, or the device has no such precision.
        Missing: its weights are not on this machine; says how to get them.
        Damage: a file of it is not what it should be.
    """
    found = find(name)
    declared = found if isinstance(found, BackboneDeclaration) else None
    folder = found if isinstance(found, Path) else folder_of(found)
    if declared is not None and declared.packaged and not is_here(declared):
        packages = " or ".join(declared.packages)
        raise Missing(f"backbone {name}: {packages} is not installed; {declared.how_to_get}")
    if not any((folder / config).is_file() for config in (CONFIG, OPEN_CLIP_CONFIG)):
        if declared is None:
            raise Damage(
                f"backbone {name}: the folder has no config.json; give a folder in transformers' "
                f"layout"
            )
        raise Missing(
            f"backbone {name}: {declared.repository} is not on this machine; {declared.how_to_get}"
        )
    files = opened(folder, declared)
    # Only after the hashes are compared: a changed configuration is then reported as a changed
    # file, and not as a layout that is not read.
    layout = import_module(f"clvl_bench.backbones.{_layout(folder, name)}")
    weights_sha256 = files.weights_sha256(layout.FILES, what=f"backbone {name}")
    backbone: TowerBackbone = layout.load(
        folder,
        name=found.name,
        family=files.family,
        weights_sha256=weights_sha256,
        files_sha256=files.files_sha256(weights_sha256),
    )
    backbone.towers.to(device)
    refuse_missing_precision(precision, device)
    backbone.precision = precision
    return backbone


def _layout(folder: Path, name: str) -> str:
    """Which module reads this folder: transformers' layout where there is one, else open_clip's.

    A config.json that brings its own code does not count where open_clip's stands beside it:
    copies of BiomedCLIP call themselves a CLIP there, with a BERT that only that code can build.
    """
    config = read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}
    other = (folder / OPEN_CLIP_CONFIG).is_file()
    if config.get("model_type") in LAYOUTS and not (other and "auto_map" in config):
        return LAYOUTS[config["model_type"]]
    if other:
        return "open_clip"
    raise Damage(
        f"backbone {name}: config.json says model_type {config.get('model_type')!r}; read are "
        f"{', '.join(LAYOUTS)}, and folders with open_clip_config.json"
    )
