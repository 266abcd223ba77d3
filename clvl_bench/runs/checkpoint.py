"""Checkpoint: a run's state between two experiences (online: two steps), as safetensors and JSON
under a manifest of hashes.

It holds no rows and no predictions: it names the segments that hold them by hash, as it names the
files of tensors that no longer change. No pickle.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from safetensors.torch import load
from torch import Tensor

from clvl_bench.core.errors import announce, warn
from clvl_bench.core.files import PLAIN, Changes, Writer, read_folder
from clvl_bench.methods._base.adapter import State
from clvl_bench.records.segment import Segment
from clvl_bench.runs.frozen import FROZEN, FrozenTensors, Named
from clvl_bench.runs.frozen import read as read_frozen
from clvl_bench.runs.tensor_files import write_tensors

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
        frozen: the tensors of its state that lie in files that others share.
    """

    done: int
    state: dict[str, State]
    notes: dict[str, Any]
    segments: tuple[Segment, ...] = ()
    frozen: Named = field(default_factory=dict)


def write(
    folder: Path,
    checkpoint: Checkpoint,
    *,
    frozen: FrozenTensors | None = None,
    changes: Changes = PLAIN,
) -> None:
    """Write it, then drop the oldest.

    Args:
        frozen: knows which tensors were written before; without, all of them are written.
    """
    tensors, values = _split(checkpoint.state)
    named = {} if frozen is None else frozen.set_aside(tensors, changes=changes)
    content = {
        "state": values,
        "notes": checkpoint.notes,
        "segments": [vars(segment) for segment in checkpoint.segments],
        "frozen": named,
    }
    files: dict[str, bytes | Writer] = {
        TENSORS: partial(write_tensors, tensors),
        VALUES: _compact(content),
    }
    changes.write_folder(folder / f"{checkpoint.done:04d}", files)
    for old in _written(folder)[KEPT:]:
        changes.remove(old)
    _drop_unnamed(folder, changes)


def tensors_of(state: dict[str, State]) -> dict[str, Tensor]:
    """The tensors of a state, on the processor, as `<part>/<name>`."""
    return _split(state)[0]


def _compact(content: dict[str, Any]) -> bytes:
    """Canonical JSON that nobody looks at: without indentation Python writes it ten times faster,
    and it holds a few lines for each experience so far.
    """
    return json.dumps(content, sort_keys=True, allow_nan=False, ensure_ascii=False).encode()


def _drop_unnamed(folder: Path, changes: Changes) -> None:
    """Remove the files of frozen tensors that no checkpoint names any more."""
    files = sorted((folder / FROZEN).glob("*.safetensors"))
    if not files:
        return
    named: set[str] = set()
    for path in _written(folder):
        try:
            named |= json.loads((path / VALUES).read_bytes())["frozen"].keys()
        except (OSError, ValueError, KeyError):
            return  # it is damaged, and nobody knows what it names
    for file in files:
        if file.name not in named:
            changes.remove(file)


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
        read = _read(path)
        found = read if isinstance(read, Checkpoint) else None
        cause = damaged(read) if isinstance(read, Checkpoint) else read
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


def _read(path: Path) -> Checkpoint | Path:
    """A checkpoint; what is damaged where it, or a file that it names, is not what was written, or
    where it is of a version that named other files.
    """
    files = read_folder(path)
    if files is None:
        return path
    content = json.loads(files[VALUES])
    if not {"segments", "frozen"} <= content.keys():
        return path
    state: dict[str, State] = content["state"]
    frozen = read_frozen(path.parent, content["frozen"])
    if isinstance(frozen, Path):
        return frozen
    for key, tensor in {**load(files[TENSORS]), **frozen}.items():
        part, _, name = key.partition("/")
        state[part][name] = tensor
    segments = tuple(Segment.of(each) for each in content["segments"])
    return Checkpoint(int(path.name), state, content["notes"], segments, content["frozen"])


def _written(folder: Path) -> list[Path]:
    """The checkpoints of a run, newest first."""
    paths = [path for path in folder.glob("[0-9]*") if path.is_dir()]
    return sorted(paths, key=lambda path: int(path.name), reverse=True)
