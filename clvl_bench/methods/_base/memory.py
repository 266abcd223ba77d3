"""Memory: which samples of a stream are kept, and the samples themselves, as tensors whose bytes
can be counted.

Which are kept is decided by the seed, the order of arrival and, for herding, the model as it is
then, so that a run which was killed and started again keeps the same.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.rng import rng
from clvl_bench.methods._base.adapter import Adapter, State, tensor_bytes
from clvl_bench.methods._base.strategy_protocol import LabelledDataset

MemoryPolicy = Literal["reservoir", "class_balanced", "herding"]
Ints = NDArray[np.int64]
Read = Callable[[Tensor], tuple[Tensor, ...]]
"""Samples by their row: inputs, labels, and the rest."""
Features = Callable[[Tensor], Tensor]
"""Unit features [n, width] in float64 of inputs [n, ...]."""

CHUNK = 256
"""Samples that are read or encoded together when a whole experience is gone through."""


def reservoir(
    slots: Ints, arrived: int, arrivals: int, *, size: int, key: tuple[object, ...]
) -> Ints:
    """Algorithm R (Vitter 1985): the stream positions that a uniform sample of `size` holds after
    more arrivals.

    Args:
        slots: stream positions held so far.
        arrived: how many samples came before.
        arrivals: how many come now.

    Returns:
        Stream positions held afterwards; each of all samples so far is among them with equal
        probability.
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


def herding(features: Tensor, count: int) -> Ints:
    """Rows in the order of iCaRL's algorithm 4: each brings the mean of those taken nearest to the
    mean of all.

    Rebuffi et al. 2017 (arXiv:1611.07725). Any first part of the order is itself what a smaller
    count would take.

    Args:
        features: unit rows [n, width].
        count: how many to take, at most all.
    """
    mean = features.mean(dim=0)
    total = torch.zeros_like(features[0])
    free = torch.ones(len(features), dtype=torch.bool)
    taken = []
    for number in range(min(count, len(features))):
        away = (mean - (total + features) / (number + 1)).square().sum(dim=1)
        row = int(away.masked_fill(~free, torch.inf).argmin())
        taken.append(row)
        free[row] = False
        total = total + features[row]
    return np.array(taken, dtype=np.int64)


class Memory:
    """A bounded number of samples of a stream, in columns: inputs, labels, and what else comes with
    a sample.

    `reservoir` is uniform over the stream. `class_balanced` gives every class seen an equal share
    (the first classes one more where it does not divide), uniform within the class; when a class
    arrives, the others lose samples by chance. `herding` has the same shares and takes the samples
    whose mean is nearest to their class's; the others then lose those that were taken last. Where a
    class arrives once more, it is herded among what was kept of it and what comes.

    Args:
        size: how many samples at most.
        max_bytes: if given, bytes at most in place of `size`: as many samples as fit, everything
            kept of a sample counted.
        features: for `herding`: what the means are of.
    """

    def __init__(
        self,
        size: int,
        policy: MemoryPolicy,
        *,
        seed: int,
        max_bytes: int | None = None,
        features: Features | None = None,
    ) -> None:
        if policy == "herding" and features is None:
            raise ValueError(
                "policy 'herding' chooses by features, and none were given; pass features="
            )
        self.size = size
        self.max_bytes = max_bytes
        self.policy = policy
        self.columns: tuple[Tensor, ...] = ()
        self._seed = seed
        self._features = features
        self._arrived: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    @property
    def labels(self) -> Tensor:
        return self.columns[1]

    def insert(self, labels: Tensor, read: Read) -> None:
        """Samples arrive, with these labels [n]; `read(rows)` fetches the chosen ones. The bound
        holds afterwards.
        """
        if not len(labels) and not len(self):
            return
        size = self._capacity(read)
        if size == len(self) == 0:
            return
        chosen = self._choose(labels.numpy(), read, size)
        held = chosen < len(self)
        parts = [column[torch.from_numpy(chosen[held])] for column in self.columns]
        if not held.all():
            fetched = read(torch.from_numpy(chosen[~held] - len(self)))
            if parts:
                parts = [torch.cat(pair) for pair in zip(parts, fetched, strict=True)]
            else:
                parts = list(fetched)
        # The parts hold first what stays and then what comes: back into the order of `chosen`.
        places = np.concatenate([np.flatnonzero(held), np.flatnonzero(~held)])
        order = torch.from_numpy(np.argsort(places))
        self.columns = tuple(part[order] for part in parts)

    def draw(self, count: int, *key: object) -> tuple[Tensor, ...]:
        """Up to `count` kept samples without replacement; which ones is decided by the key."""
        rows = rng("draw", self._seed, *key).permutation(len(self))[:count]
        return tuple(column[torch.from_numpy(rows)] for column in self.columns)

    def _capacity(self, read: Read) -> int:
        """How many samples may be held, by what one takes."""
        if self.max_bytes is None:
            return self.size
        columns = self.columns or read(torch.zeros(1, dtype=torch.long))
        sample_bytes = sum(
            math.prod(column.shape[1:]) * column.element_size() for column in columns
        )
        return self.max_bytes // sample_bytes

    def _choose(self, labels: Ints, read: Read, size: int) -> Ints:
        """Who is held afterwards, in that order: below `len(self)` by row of the memory, from there
        on by row of arrival.
        """
        if self.policy == "reservoir":
            everything = np.arange(len(self))
            arriving = len(self) + np.arange(len(labels))
            return np.concatenate(self._uniform(everything, arriving, size, group=-1))
        known = self.columns[1].numpy() if self.columns else np.empty(0, dtype=np.int64)
        classes = sorted({*self._arrived, *np.unique(labels).tolist()})
        stay: list[Ints] = []
        take: list[Ints] = []
        for rank, group in enumerate(classes):
            share = size // len(classes) + (rank < size % len(classes))
            held = np.flatnonzero(known == group)
            arrivals = len(self) + np.flatnonzero(labels == group)
            if self.policy == "herding":
                stay.append(self._herded(held, arrivals, share, read, group=group))
                continue
            kept, entered = self._uniform(held, arrivals, share, group=group)
            stay.append(kept)
            take.append(entered)
        return np.concatenate([*stay, *take])

    def _uniform(self, held: Ints, arrivals: Ints, size: int, *, group: int) -> tuple[Ints, Ints]:
        """Algorithm R within a group whose share may have become smaller since."""
        arrived = self._arrived.get(group, 0)
        if len(held) > size:
            held = rng("shrink", self._seed, group, arrived, size).permutation(held)[:size]
        # On positions of the group: those held stand below `arrived`, the arrivals from there on.
        positions = np.arange(len(held), dtype=np.int64)
        after = reservoir(
            positions, arrived, len(arrivals), size=size, key=(self._seed, group, arrived)
        )
        self._arrived[group] = arrived + len(arrivals)
        kept = held[after[after < arrived]]
        entered = arrivals[after[after >= arrived] - arrived]
        return np.sort(kept), np.sort(entered)

    def _herded(self, held: Ints, arrivals: Ints, size: int, read: Read, *, group: int) -> Ints:
        """The first of a group's order: of the one it has, or where samples arrive of a new one."""
        self._arrived[group] = self._arrived.get(group, 0) + len(arrivals)
        if not len(arrivals):
            return held[:size]
        assert self._features is not None
        old = [self.columns[0][torch.from_numpy(held)]] if len(held) else []
        new = (read(rows)[0] for rows in torch.from_numpy(arrivals - len(self)).split(CHUNK))
        features = torch.cat([self._features(inputs) for inputs in itertools.chain(old, new)])
        return np.concatenate([held, arrivals])[herding(features, size)]

    def state(self) -> State:
        names = [f"column{number}" for number in range(len(self.columns))]
        arrived = {str(group): count for group, count in self._arrived.items()}
        return {**dict(zip(names, self.columns, strict=True)), "arrived": arrived}

    def load(self, state: State) -> None:
        names = sorted(name for name in state if name.startswith("column"))
        self.columns = tuple(state[name] for name in names)
        self._arrived = {int(group): count for group, count in state["arrived"].items()}

    def kept_bytes(self) -> int:
        return tensor_bytes(self.state())


def reader(dataset: LabelledDataset) -> Read:
    """Reads samples of an Avalanche dataset by row, as columns on the CPU."""

    def read(rows: Tensor) -> tuple[Tensor, ...]:
        samples = [dataset[int(row)] for row in rows]
        return tuple(map(_stacked, zip(*samples, strict=True)))

    return read


def _stacked(values: Sequence[Any]) -> Tensor:
    return torch.stack([torch.as_tensor(value) for value in values]).cpu()


def insert_labelled(
    memory: Memory, dataset: LabelledDataset, pseudo: Mapping[int, int] | None = None
) -> None:
    """The samples of an Avalanche dataset whose label has arrived enter a memory; with `pseudo`,
    labels by sample id, those that it names as well.
    """
    labels = torch.tensor(list(dataset.targets))
    read = reader(dataset)
    if pseudo:
        said = torch.tensor([pseudo.get(sample, -1) for sample in dataset.sample_ids])
        labels = torch.where(labels < 0, said, labels)
    known = torch.nonzero(labels >= 0).flatten()

    def labelled(rows: Tensor) -> tuple[Tensor, ...]:
        inputs, _, *rest = read(known[rows])
        return inputs, labels[known[rows]], *rest

    memory.insert(labels[known], labelled)


def features_by(adapter: Adapter) -> Features:
    """Unit image features as the adapter makes them when it is asked, without anything random."""

    @torch.no_grad()
    def features(inputs: Tensor) -> Tensor:
        training = adapter.training
        if training:
            adapter.eval()
        # Some adapters have no parameter, and then everything lies on the CPU.
        device = next(adapter.parameters(), torch.empty(0)).device
        rows = [
            l2_normalize(adapter.image(chunk.to(device))).double().cpu()
            for chunk in inputs.split(CHUNK)
        ]
        if training:
            adapter.train()
        return torch.cat(rows)

    return features
