"""Provenance: where a number comes from. A number without it is not a result."""

import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import clvl_bench
from clvl_bench.backbones.answerers.base import Answerer
from clvl_bench.backbones.base import Backbone, TowerBackbone
from clvl_bench.core import world
from clvl_bench.core.files import file_sha256
from clvl_bench.core.versions import versions_of
from clvl_bench.data.catalog.candidate import Candidate, prompts_sha256
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.inputs.questions import texts_of
from clvl_bench.methods.outside import origin_of
from clvl_bench.records.run_id import SCHEMA
from clvl_bench.runs.config import RunConfig
from clvl_bench.streams.duplicates import shared_images
from clvl_bench.streams.split_slice import SplitSlice

PACKAGES = (
    "torch",
    "torchvision",
    "avalanche-lib",
    "transformers",
    "numpy",
    "pillow",
    "safetensors",
)
STANDS_ON = {
    "hashed": "settings",
    "data": "data",
    "prompts_sha256": "prompts",
    "backbone": "weights",
    "teacher": "teacher",
    "answerer": "answerer",
    "methods": "methods",
}
"""What must be that of now before a finished run is shown, and how a message calls it. The
configuration's names and settings are in the run's id, the rest is not."""


def provenance(
    config: RunConfig,
    *,
    models: Mapping[str, Backbone | Answerer | None],
    parts: Sequence[SplitSlice],
    classes: Sequence[Candidate],
    device: str,
) -> dict[str, Any]:
    """Code, configuration, data, prompts, weights, versions and machine of a run: the same whenever
    it is repeated.

    `models` are the backbone and, where there are such, a teacher that is another one and an
    answerer.
    """
    return {
        "schema": SCHEMA,
        "run": config.id,
        "code": dict(code()),
        "config": config.model_dump(mode="json"),
        "hashed": config.hashed(),
        "data": {
            f"{part.dataset.name}/{part.split}": {
                "fingerprint": part.data.fingerprint,
                "samples": len(part.data),
                "skipped": part.data.skipped,
                **({"unanswered": part.unanswered} if part.unanswered else {}),
                **({"left_out_in_training": part.left_out} if part.left_out else {}),
                "version": part.dataset.version,
                **_captions(config, part),
            }
            for part in parts
        },
        "prompts": {part.dataset.name: part.dataset.prompts for part in parts},
        "images_in_train_and_test": shared_images(parts),
        "prompts_sha256": prompts_sha256(classes),
        **_texts_cut(models["backbone"], parts, classes),
        **{role: identity(model) for role, model in models.items() if model is not None},
        **_outside_methods(config),
        **({"world": world.size()} if world.size() > 1 else {}),
        "versions": versions(),
        "device": {"type": device, "name": device_name(device), "machine": platform.machine()},
    }


def _texts_cut(
    backbone: Backbone | Answerer | None, parts: Sequence[SplitSlice], classes: Sequence[Candidate]
) -> dict[str, Any]:
    """How many sentences of classes and how many questions were longer than the backbone reads;
    nothing where none was.
    """
    if not isinstance(backbone, TowerBackbone):
        return {}
    sentences = {prompt for candidate in classes for prompt in candidate.prompts}
    questions = {question for part in parts for question in texts_of(part.data)}
    counts = {
        "class_sentences": backbone.cut_texts.count(sentences),
        "questions": backbone.cut_texts.count(questions),
    }
    return {"texts_cut": counts} if any(counts.values()) else {}


def _outside_methods(config: RunConfig) -> dict[str, Any]:
    """Where the code of methods that are not the suite's came from, and its hash."""
    parts = (config.strategy_config.adapter, *config.strategy_config.plugins)
    found = {part.kind: origin_of(part) for part in parts}
    told = {kind: asdict(origin) for kind, origin in found.items() if origin is not None}
    return {"methods": told} if told else {}


def _captions(config: RunConfig, part: SplitSlice) -> dict[str, str]:
    """The hash of the sentences beside the reference images, where the strategy reads them."""
    if not isinstance(part.dataset, ImageDataset):
        return {}
    plugins, file = config.strategy_config.plugins, part.dataset.captions
    read = any(plugin.reads_captions for plugin in plugins)
    reference = part.dataset.name == config.benchmark_config.reference
    return {"captions": file_sha256(file)} if read and reference and file is not None else {}


def identity(model: Backbone | Answerer) -> dict[str, str]:
    """Which weights: name, family, their hash, and that of all files that they were read with."""
    return {
        "name": model.name,
        "family": model.family,
        "weights_sha256": model.weights_sha256,
        "files_sha256": model.files_sha256,
    }


def versions() -> dict[str, str]:
    """Of Python and the packages that numbers depend on."""
    return versions_of(PACKAGES)


@cache
def code() -> Mapping[str, Any]:
    """The package's version and, in a checkout, its commit and whether anything of the code was
    changed since. Asked once in a process, whose modules are those that it imported.
    """
    root = Path(clvl_bench.__file__).parent.parent
    found: dict[str, Any] = {"version": clvl_bench.__version__, "commit": None, "changed": None}
    if (root / ".git").exists():
        commit = _git(root, "rev-parse", "HEAD")
        status = _git(
            root, "status", "--porcelain", "--", "clvl_bench", "benchmarks", "experiments"
        )
        found |= {"commit": commit or None, "changed": None if status is None else bool(status)}
    return found


def device_name(device: str) -> str:
    """The processor's name as the system tells it."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _git(root: Path, *command: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *command],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
