"""Backbones: weights on disk -> a frozen model. A name finds the pinned weights in the hub cache, a path any folder."""

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from clvl_bench.backbones.base import (
    Backbone,
    Tokens,
    TowerBackbone,
    Towers,
    sentence_features,
    unit,
    with_embeddings,
    with_texts,
    with_towers,
)
from clvl_bench.backbones.layers import Insert, LayeredTowers, with_layers
from clvl_bench.backbones.precomputed import PrecomputedBackbone
from clvl_bench.config.backbones import BackboneDeclaration, Precision, find, folder_of
from clvl_bench.errors import Damage, Missing, Mistake
from clvl_bench.records import file_sha256

WEIGHTS = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""What a folder's weights may be called; the module that reads it says in `FILES` which of them it reads first."""
LAYOUTS = {"clip": "clip", "siglip": "siglip"}
"""Which module reads a folder, by the `model_type` of its config.json."""
OTHERS = ("config.json", "open_clip_config.json", "preprocessor_config.json")
TOKENISERS = ("tokenizer.json", "vocab.json", "merges.txt", "vocab.txt", "spiece.model")
MANIFEST = "manifest.json"


def load_backbone(name: str, *, device: str = "cpu", precision: Precision = "fp32") -> TowerBackbone:
    """The frozen backbone of that name or path.

    Raises:
        Mistake: nobody has declared it and it is no folder, or the device has no such precision.
        Missing: its weights are not on this machine; says how to get them.
        Damage: a file of it is not what it should be.
    """
    found = find(name)
    folder = found if isinstance(found, Path) else folder_of(found)
    if not any((folder / config).is_file() for config in OTHERS[:2]):
        if isinstance(found, Path):
            raise Damage(f"backbone {name}: the folder has no config.json; give a folder in transformers' layout")
        raise Missing(f"backbone {name}: {found.repository} is not on this machine; {found.how_to_get}")
    hashes = file_hashes(folder)
    manifest = _manifest(folder)
    _compare(hashes, manifest.get("files", {}), folder)
    if isinstance(found, BackboneDeclaration) and found.sha256 is not None:
        _compare(hashes, {found.weights: found.sha256}, folder)
    # Not before the hashes were compared: a changed configuration shall be named as one.
    layout = import_module(f"clvl_bench.backbones.{_layout(folder, name)}")
    weights = next((file for file in layout.FILES if file in hashes), None)
    if weights is None:
        raise Damage(f"backbone {name}: {folder} has none of {', '.join(layout.FILES)}")
    backbone: TowerBackbone = layout.load(
        folder,
        name=found.name,
        family=found.family if isinstance(found, BackboneDeclaration) else manifest.get("family", "local folder"),
        weights_sha256=hashes[weights],
    )
    backbone.towers.to(device)
    _check_precision(precision, device)
    backbone.precision = precision
    return backbone


def file_hashes(folder: Path) -> dict[str, str]:
    """sha256 of every file of a backbone that decides its numbers."""
    hashes = {}
    for name in (*WEIGHTS, *OTHERS, *TOKENISERS):
        if (folder / name).is_file():
            hashes[name] = file_sha256(folder / name)
    return hashes


def _layout(folder: Path, name: str) -> str:
    """Which module reads this folder: transformers' layout where there is one, else open_clip's.

    A config.json that brings its own code is nobody's layout where open_clip's stands beside it: copies of BiomedCLIP call
    themselves a CLIP there, with a BERT that only that code can build.
    """
    config = _json(folder / OTHERS[0]) if (folder / OTHERS[0]).is_file() else {}
    other = (folder / OTHERS[1]).is_file()
    if config.get("model_type") in LAYOUTS and not (other and "auto_map" in config):
        return LAYOUTS[config["model_type"]]
    if other:
        return "open_clip"
    raise Damage(
        f"backbone {name}: config.json says model_type {config.get('model_type')!r}; read are {', '.join(LAYOUTS)}, and "
        "folders with open_clip_config.json"
    )


def _manifest(folder: Path) -> dict[str, Any]:
    """Names, hashes and origin of the files, where whoever made the folder wrote them down."""
    content = _json(folder / MANIFEST) if (folder / MANIFEST).is_file() else {}
    return content if isinstance(content.get("files"), dict) else {}  # others have files of that name, too


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError("it holds no table")
    except (OSError, ValueError) as error:
        raise Damage(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None
    return content


def _compare(actual: Mapping[str, str], recorded: Mapping[str, str], folder: Path) -> None:
    for name, expected in recorded.items():
        if actual.get(name) != expected:
            got = actual.get(name, "nothing")[:8]
            raise Damage(f"{folder / name}: sha256 is {got}, recorded {expected[:8]}; install, fetch or import it again")


def _check_precision(precision: Precision, device: str) -> None:
    if precision == "bf16" and device.startswith("cuda") and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise Mistake(f"precision bf16: {torch.cuda.get_device_name(device)} has none; use fp32 or fp16")


__all__ = [
    "Backbone", "Insert", "LayeredTowers", "PrecomputedBackbone", "Tokens", "TowerBackbone", "Towers", "load_backbone",
    "sentence_features", "unit", "with_embeddings", "with_layers", "with_texts", "with_towers",
]  # fmt: skip
