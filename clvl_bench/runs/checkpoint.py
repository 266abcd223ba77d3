"""Checkpoint: a run's state between two experiences (online: two steps), as safetensors and JSON
under a manifest of hashes.

No pickle.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from clvl_bench.core.errors import announce
from clvl_bench.core.files import read_folder, to_json, write_folder_atomically
from clvl_bench.methods._base.adapter import State

KEPT = 2
"""How many checkpoints stay: the newest, and the one before in case a byte of the newest flips."""


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on after `done` experiences (online: steps): state by part, and the
    run's own notes.
    """

    done: int
    state: dict[str, State]
    notes: dict[str, Any]


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Write it, then drop the oldest."""
    tensors = {
        f"{part}/{name}": value.detach().cpu().contiguous()
        for part, state in checkpoint.state.items()
        for name, value in state.items()
        if isinstance(value, Tensor)
    }
    values = {
        part: {name: value for name, value in state.items() if not isinstance(value, Tensor)}
        for part, state in checkpoint.state.items()
    }
    files = {
        "tensors.safetensors": save(tensors),
        "values.json": to_json({"state": values, "notes": checkpoint.notes}),
    }
    write_folder_atomically(folder / f"{checkpoint.done:04d}", files)
    for old in _written(folder)[KEPT:]:
        shutil.rmtree(old)


def latest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint whose bytes are as written; damaged ones are removed."""
    for path in _written(folder):
        files = read_folder(path)
        if files is not None:
            values = json.loads(files["values.json"])
            state: dict[str, State] = values["state"]
            for key, tensor in load(files["tensors.safetensors"]).items():
                part, _, name = key.partition("/")
                state[part][name] = tensor
            return Checkpoint(int(path.name), state, values["notes"])
        announce(path, "the run goes on from the state before it")
        shutil.rmtree(path)
    return None


def _written(folder: Path) -> list[Path]:
    return sorted(
        (path for path in folder.glob("[0-9]*") if path.is_dir()),
        key=lambda path: int(path.name),
        reverse=True,
    )
