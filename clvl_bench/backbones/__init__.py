"""Backbones: weights on disk -> a frozen model. A name finds the pinned weights in the hub cache, a path any folder."""

import json
from collections.abc import Mapping
from pathlib import Path

from clvl_bench.backbones.base import (
    Backbone,
    Tokens,
    TowerBackbone,
    Towers,
    sentence_features,
    unit,
    with_texts,
    with_towers,
)
from clvl_bench.backbones.layers import Insert, LayeredTowers, with_layers
from clvl_bench.backbones.precomputed import PrecomputedBackbone
from clvl_bench.config.backbones import BackboneDeclaration, find, folder_of
from clvl_bench.errors import Damage, Missing
from clvl_bench.records import file_sha256

WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def load_backbone(name: str, *, device: str = "cpu") -> TowerBackbone:
    """The frozen backbone of that name or path.

    Raises:
        Mistake: nobody has declared it and it is no folder.
        Missing: its weights are not on this machine; says how to get them.
        Damage: a file of it is not what it should be.
    """
    from clvl_bench.backbones import clip

    found = find(name)
    folder = found if isinstance(found, Path) else folder_of(found)
    if not (folder / "config.json").is_file():
        if isinstance(found, Path):
            raise Damage(f"backbone {name}: the folder has no config.json; give a folder in transformers' layout")
        raise Missing(
            f"backbone {name}: {found.repository} is not on this machine; where there is network, run: clvl-bench fetch {name}"
        )
    hashes = file_hashes(folder)
    if not isinstance(found, Path) and found.repository is None:
        _compare(hashes, json.loads((folder / "manifest.json").read_bytes())["files"], folder)
    weights = next((file for file in WEIGHTS if file in hashes), None)
    if weights is None:
        raise Damage(f"backbone {name}: {folder} has none of {', '.join(WEIGHTS)}")
    backbone = clip.load(
        folder,
        name=found.name,
        family=found.family if isinstance(found, BackboneDeclaration) else "local folder",
        weights_sha256=hashes[weights],
    )
    backbone.towers.to(device)
    return backbone


def file_hashes(folder: Path) -> dict[str, str]:
    """sha256 of every file of a backbone that decides its numbers."""
    wanted = (*WEIGHTS, "config.json", "preprocessor_config.json", "tokenizer.json", "vocab.json", "merges.txt")
    hashes = {}
    for name in wanted:
        if (folder / name).is_file():
            hashes[name] = file_sha256(folder / name)
    return hashes


def _compare(actual: Mapping[str, str], recorded: Mapping[str, str], folder: Path) -> None:
    for name, expected in recorded.items():
        if actual.get(name) != expected:
            got = actual.get(name, "nothing")[:8]
            raise Damage(f"{folder / name}: sha256 is {got}, recorded {expected[:8]}; install the package again")


__all__ = [
    "Backbone", "Insert", "LayeredTowers", "PrecomputedBackbone", "Tokens", "TowerBackbone", "Towers", "load_backbone",
    "sentence_features", "unit", "with_layers", "with_texts", "with_towers",
]  # fmt: skip
