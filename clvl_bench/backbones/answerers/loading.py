"""Answerers: weights on disk -> a frozen model that answers questions. A name finds pinned weights,
a path any folder.
"""

from importlib import import_module
from pathlib import Path

from clvl_bench.backbones.answerers.base import FILES, Answerer
from clvl_bench.backbones.answerers.catalog import find_answerer
from clvl_bench.backbones.catalog import BackboneDeclaration, folder_of
from clvl_bench.backbones.folders import CONFIG, opened, read_json
from clvl_bench.core.errors import Damage, Missing

LAYOUTS = {"blip": "blip", "vilt": "vilt", "idefics3": "smolvlm"}
"""Which module reads a folder, by the `model_type` of its config.json."""


def load_answerer(name: str, *, device: str = "cpu") -> Answerer:
    """The frozen answerer of that name or path.

    Raises:
        Mistake: it is not declared and is no folder.
        Missing: its weights are not on this machine; says how to get them.
        Damage: a file of it is not what it should be.
    """
    found = find_answerer(name)
    declared = found if isinstance(found, BackboneDeclaration) else None
    folder = found if isinstance(found, Path) else folder_of(found)
    if not (folder / CONFIG).is_file():
        if declared is None:
            raise Damage(
                f"answerer {name}: the folder has no {CONFIG}; give a folder in transformers' "
                f"layout"
            )
        raise Missing(
            f"answerer {name}: {declared.repository} is not on this machine; "
            f"{declared.how_to_get}; or give a folder of its files: --set adapter.answerer=./FOLDER"
        )
    files = opened(folder, declared)
    kind = read_json(folder / CONFIG).get("model_type")
    if kind not in LAYOUTS:
        raise Damage(
            f"answerer {name}: {CONFIG} says model_type {kind!r}; read are {', '.join(LAYOUTS)}"
        )
    layout = import_module(f"clvl_bench.backbones.answerers.{LAYOUTS[kind]}")
    weights = files.weights_sha256(FILES, what=f"answerer {name}")
    answerer: Answerer = layout.load(
        folder, name=found.name, family=files.family, weights_sha256=weights, hashes=files.hashes
    )
    return answerer.to(device)
