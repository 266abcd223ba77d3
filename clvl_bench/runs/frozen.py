"""Frozen tensors: what no longer changes from checkpoint to checkpoint, written once.

A prompt for each experience, the weights that a merge starts from, the random projection of a
closed form: a state may hold many tensors that are as they were. Once a large tensor was the same
in two checkpoints it is written into a file of its own kind, which later checkpoints name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from clvl_bench.core.files import PLAIN, Changes, sha256
from clvl_bench.runs.tensor_files import write_tensors

FROZEN = "frozen"
"""The folder beside the checkpoints."""

SMALL = 1 << 16
"""Bytes of a tensor that is written each time: to look it up costs as much."""

SAMPLE = 256
"""Numbers of a tensor that are looked at first: where one of them moved, the tensor did."""

Named = Mapping[str, Mapping[str, str]]
"""For each file of frozen tensors those that a checkpoint takes from it, with the hash of each."""


@dataclass(frozen=True)
class _Seen:
    """What is remembered of a tensor: the hash of a sample, and that of the whole where the sample
    was the same before."""

    sample: str
    whole: str | None


class FrozenTensors:
    """Knows, from one checkpoint of a run to the next, which tensors have not changed.

    Args:
        folder: of the checkpoints.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, _Seen] = {}
        self._file_of: dict[str, str] = {}

    def set_aside(self, tensors: dict[str, Tensor], *, changes: Changes = PLAIN) -> Named:
        """Take the frozen tensors out of `tensors`; those that are not in a file yet are written
        into one.
        """
        seen = {key: self._look_at(key, tensor) for key, tensor in tensors.items()}
        still = [key for key, now in seen.items() if _is_still(now, self._seen.get(key))]
        self._seen = {key: now for key, now in seen.items() if now is not None}
        self._file_of = {key: self._file_of[key] for key in still if key in self._file_of}
        new = {key: tensors[key] for key in still if key not in self._file_of}
        if new:
            name = self._write(new, changes)
            self._file_of |= dict.fromkeys(new, name)
        named: dict[str, dict[str, str]] = {}
        for key in still:
            del tensors[key]
            whole = self._seen[key].whole
            assert whole is not None
            named.setdefault(self._file_of[key], {})[key] = whole
        return named

    def take_up(self, named: Named, tensors: Mapping[str, Tensor]) -> None:
        """Go on behind a checkpoint that names these.

        Args:
            tensors: at least those that are named.
        """
        for name, of_file in named.items():
            for key, whole in of_file.items():
                self._file_of[key] = name
                self._seen[key] = _Seen(_sample(tensors[key]), whole)

    def _look_at(self, key: str, tensor: Tensor) -> _Seen | None:
        if tensor.nbytes < SMALL:
            return None
        sample = _sample(tensor)
        before = self._seen.get(key)
        # What trains moves everywhere, and is not hashed whole.
        same = before is not None and before.sample == sample
        return _Seen(sample, _hash(tensor) if same else None)

    def _write(self, tensors: dict[str, Tensor], changes: Changes) -> str:
        hashes = [f"{key} {self._seen[key].whole}" for key in sorted(tensors)]
        name = f"{sha256(repr(hashes).encode())[:32]}.safetensors"
        path = self._folder / FROZEN / name
        if not path.exists():
            changes.write(path, partial(write_tensors, tensors))
        return name


def _is_still(now: _Seen | None, before: _Seen | None) -> bool:
    if now is None or before is None or now.whole is None:
        return False
    return now.whole == before.whole


def read(folder: Path, named: Named) -> dict[str, Tensor] | Path:
    """The tensors that a checkpoint names; the first file that is missing or not as written.

    Args:
        folder: of the checkpoints.
    """
    found: dict[str, Tensor] = {}
    for name, of_file in named.items():
        path = folder / FROZEN / name
        try:
            held = load_file(path)
            for key, whole in of_file.items():
                if _hash(held[key]) != whole:
                    return path
                found[key] = held[key]
        except (OSError, SafetensorError, KeyError):
            return path
    return found


def _bytes_of(tensor: Tensor) -> memoryview:
    """Its bytes, which are not copied."""
    return tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().data


def _hash(tensor: Tensor) -> str:
    return sha256(_bytes_of(tensor), repr((tensor.dtype, tuple(tensor.shape))).encode())


def _sample(tensor: Tensor) -> str:
    step = max(1, tensor.numel() // SAMPLE)
    some = tensor.detach().reshape(-1)[::step].contiguous()
    return sha256(_bytes_of(some), repr((tensor.dtype, tuple(tensor.shape))).encode())
