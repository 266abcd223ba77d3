"""Checkpoint: a run's state between two experiences (online: two steps), as safetensors and JSON
under a manifest of hashes.

It holds no rows and no predictions: it names the segments that hold them by hash. No pickle.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from clvl_bench.core.errors import announce, warn
from clvl_bench.core.files import PLAIN, Changes, read_folder, to_json
from clvl_bench.methods._base.adapter import State
from clvl_bench.records.segment import Segment

KEPT = 2
"""How many checkpoints stay: the newest, and the one before in case a byte of the newest flips."""

TENSORS, VALUES = "tensors.safetensors", "values.json"


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on after `done` experiences (online: steps).

    Args:
        state: of each part, tensors and plain values.
        notes: the run's own, plain values.
        segments: the rows and predictions that it stands on.
    """

    done: int
    state: dict[str, State]
    notes: dict[str, Any]
    segments: tuple[Segment, ...] = ()


def write(folder: Path, checkpoint: Checkpoint, *, changes: Changes = PLAIN) -> None:
    """Write it, then drop the oldest."""
    tensors, values = _split(checkpoint.state)
    content = {
        "state": values,
        "notes": checkpoint.notes,
        "segments": [vars(segment) for segment in checkpoint.segments],
    }
    files = {TENSORS: save(tensors), VALUES: to_json(content)}
    changes.write_folder(folder / f"{checkpoint.done:04d}", files)
    for old in _written(folder)[KEPT:]:
        changes.remove(old)


def nothing_damaged(checkpoint: Checkpoint) -> Path | None:
    """Of a checkpoint that stands on no file."""
    return None


def latest(
    folder: Path,
    *,
    damaged: Callable[[Checkpoint], Path | None] = nothing_damaged,
    changes: Changes = PLAIN,
) -> Checkpoint | None:
    """The newest checkpoint that is as written, as is what it stands on; newer ones are removed.

    What was found damaged is said in a line for each file.

    Args:
        damaged: the first file that a checkpoint stands on and that is not as written.
    """
    found = None
    missing: dict[Path, bool] = {}  # each damaged file, and whether it is gone
    for path in _written(folder):
        found = _read(path)
        cause = path if found is None else damaged(found)
        if cause is None:
            break
        found = None
        missing.setdefault(cause, not cause.exists())
        changes.remove(path)
    mended = "the run begins anew" if found is None else "the run goes on from the state before it"
    for cause, is_gone in missing.items():
        if is_gone:
            warn(f"{cause}: is missing; {mended}")
        else:
            announce(cause, mended)
    return found


def _split(state: dict[str, State]) -> tuple[dict[str, Tensor], dict[str, State]]:
    """The tensors as `<part>/<name>`, and by part what is no tensor."""
    tensors: dict[str, Tensor] = {}
    values: dict[str, State] = {}
    for part, content in state.items():
        values[part] = {}
        for name, value in content.items():
            if isinstance(value, Tensor):
                tensors[f"{part}/{name}"] = value.detach().cpu().contiguous()
            else:
                values[part][name] = value
    return tensors, values


def _read(path: Path) -> Checkpoint | None:
    """A checkpoint; None where it is not what was written, or, as older ones, names no segments."""
    files = read_folder(path)
    if files is None:
        return None
    content = json.loads(files[VALUES])
    if "segments" not in content:
        return None
    state: dict[str, State] = content["state"]
    for key, tensor in load(files[TENSORS]).items():
        part, _, name = key.partition("/")
        state[part][name] = tensor
    segments = tuple(Segment.of(each) for each in content["segments"])
    return Checkpoint(int(path.name), state, content["notes"], segments)


def _written(folder: Path) -> list[Path]:
    """The checkpoints of a run, newest first."""
    paths = [path for path in folder.glob("[0-9]*") if path.is_dir()]
    return sorted(paths, key=lambda path: int(path.name), reverse=True)
