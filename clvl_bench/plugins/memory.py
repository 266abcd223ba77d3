"""Memory: which samples of a stream are kept, and the samples themselves, as tensors whose bytes can be counted.

Which are kept is decided by the seed and the order of arrival alone, so that a run which was killed and started again
keeps the same.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clvl_bench.adapters import State, tensor_bytes
from clvl_bench.randomness import rng

Policy = Literal["reservoir", "class_balanced"]
Ints = NDArray[np.int64]


def reservoir(slots: Ints, arrived: int, arrivals: int, *, size: int, key: tuple[object, ...]) -> Ints:
    """Algorithm R (Vitter 1985): the stream positions that a uniform sample of `size` holds after more arrivals.

    Args:
        slots: stream positions held so far.
        arrived: how many samples came before.
        arrivals: how many come now.

    Returns:
        Stream positions held afterwards; each of all samples so far is among them with equal probability.
    """
    held = slots.tolist()
    draws = rng("reservoir", *key).random(arrivals)
    for offset in range(arrivals):
        position = arrived + offset
        if len(held) < size:
            held.append(position)
            continue
        slot = int(draws[offset] * (position + 1))
        if slot < size:
            held[slot] = position
    return np.array(held, dtype=np.int64)


class Memory:
    """At most `size` samples of a stream: inputs, labels, tasks and sample ids.

    `reservoir` is uniform over the stream. `class_balanced` gives every class seen an equal share (the first classes one
    more where it does not divide), uniform within the class; when a class arrives, the others lose samples by chance.
    """

    def __init__(self, size: int, policy: Policy, *, seed: int) -> None:
        self.size, self.policy, self._seed = size, policy, seed
        self._columns: tuple[Tensor, ...] = ()
        self._arrived: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._columns[0]) if self._columns else 0

    @property
    def labels(self) -> Tensor:
        return self._columns[1]

    def insert(self, labels: Tensor, read: Callable[[Tensor], tuple[Tensor, ...]]) -> None:
        """Samples arrive, with these labels [n]; `read(rows)` fetches the chosen ones: inputs, labels, and the rest."""
        if self.size == 0 or not len(labels):
            return
        stay, take = self._choose(labels.numpy())
        kept = tuple(column[torch.from_numpy(stay)] for column in self._columns)
        if not len(take):  # a reader that stacks samples has no columns for none
            self._columns = kept
            return
        fetched = read(torch.from_numpy(take))
        self._columns = tuple(torch.cat(pair) for pair in zip(kept, fetched, strict=True)) if kept else fetched

    def draw(self, count: int, *key: object) -> tuple[Tensor, ...]:
        """Up to `count` kept samples without replacement; which ones is decided by the key."""
        rows = rng("draw", self._seed, *key).permutation(len(self))[:count]
        return tuple(column[torch.from_numpy(rows)] for column in self._columns)

    def _choose(self, labels: Ints) -> tuple[Ints, Ints]:
        """Rows of the memory that stay, and rows of the arrivals that enter."""
        if self.policy == "reservoir":
            return self._uniform(np.arange(len(self)), np.arange(len(labels)), self.size, group=-1)
        held = self._columns[1].numpy() if self._columns else np.empty(0, dtype=np.int64)
        classes = sorted({*self._arrived, *np.unique(labels).tolist()})
        stay, take = [], []
        for rank, group in enumerate(classes):
            share = self.size // len(classes) + (rank < self.size % len(classes))
            kept, entered = self._uniform(np.flatnonzero(held == group), np.flatnonzero(labels == group), share, group=group)
            stay.append(kept)
            take.append(entered)
        return np.concatenate(stay), np.concatenate(take)

    def _uniform(self, held: Ints, arrivals: Ints, size: int, *, group: int) -> tuple[Ints, Ints]:
        """Algorithm R within a group whose share may have become smaller since."""
        arrived = self._arrived.get(group, 0)
        if len(held) > size:
            held = rng("shrink", self._seed, group, arrived, size).permutation(held)[:size]
        # On positions of the group: those held stand below `arrived`, the arrivals from there on.
        positions = np.arange(len(held), dtype=np.int64)
        after = reservoir(positions, arrived, len(arrivals), size=size, key=(self._seed, group, arrived))
        self._arrived[group] = arrived + len(arrivals)
        return np.sort(held[after[after < arrived]]), np.sort(arrivals[after[after >= arrived] - arrived])

    def state(self) -> State:
        names = [f"column{number}" for number in range(len(self._columns))]
        arrived = {str(group): count for group, count in self._arrived.items()}
        return {**dict(zip(names, self._columns, strict=True)), "arrived": arrived}

    def load(self, state: State) -> None:
        self._columns = tuple(state[name] for name in sorted(name for name in state if name.startswith("column")))
        self._arrived = {int(group): count for group, count in state["arrived"].items()}

    def kept_bytes(self) -> int:
        return tensor_bytes(self.state())
