"""Shape: how many training samples each class has, and in which experience they come, where that is
not all of them at once.

Every draw depends on the benchmark's own seeds alone, never on the run's: all strategies and seeds
meet the same samples.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.rng import rng

Ids = NDArray[np.int64]


def few_shot(ids: Ids, truth: Ids, *, shots: int, seed: int) -> Ids:
    """At most `shots` samples of each class, drawn at random."""
    return _drawn(ids, truth, {int(place): shots for place in np.unique(truth[ids])}, seed)


def long_tailed(ids: Ids, truth: Ids, order: Sequence[int], *, imbalance: float, seed: int) -> Ids:
    """The first class in `order` keeps all its samples, the last one the share 1 / imbalance, those
    between fall exponentially (Cao et al. 2019, arXiv:1906.07413, the "long-tailed" profile); each
    class keeps at least one.
    """
    last = max(1, len(order) - 1)
    shares = {place: imbalance ** (-rank / last) for rank, place in enumerate(order)}
    keep = {
        int(place): max(1, round(int(size) * shares[int(place)]))
        for place, size in zip(*counts(ids, truth), strict=True)
    }
    return _drawn(ids, truth, keep, seed)


def part_of(ids: Ids, truth: Ids, *, part: int, parts: int) -> Ids:
    """One of several parts of equal size of each class: a class that comes again comes with other
    samples.
    """
    chosen = [
        np.array_split(rng("repeats", int(place)).permutation(ids[truth[ids] == place]), parts)[
            part
        ]
        for place in np.unique(truth[ids])
    ]
    return np.sort(np.concatenate(chosen)) if chosen else ids


def blurred(groups: Sequence[Ids], *, share: float, seed: int) -> list[Ids]:
    """Of each experience's samples the share moves, at random, evenly to the other experiences (the
    "blurry" split of Bang et al. 2021, arXiv:2103.17230).
    """
    pieces: list[list[Ids]] = [[] for _ in groups]
    for number, ids in enumerate(groups):
        others = [other for other in range(len(groups)) if other != number]
        mixed = rng("blurry", seed, number).permutation(ids)
        moved = round(share * len(ids)) if others else 0
        pieces[number].append(mixed[moved:])
        for other, piece in zip(
            others, np.array_split(mixed[:moved], max(1, len(others))), strict=False
        ):
            pieces[other].append(piece)
    return [np.sort(np.concatenate(each)) for each in pieces]


def counts(ids: Ids, truth: Ids) -> tuple[Ids, Ids]:
    """The classes of some samples, and how many there are of each."""
    found, sizes = np.unique(truth[ids], return_counts=True)
    return found, sizes.astype(np.int64)


def _drawn(ids: Ids, truth: Ids, keep: dict[int, int], seed: int) -> Ids:
    chosen = [
        rng("drawn", seed, place).permutation(ids[truth[ids] == place])[:count]
        for place, count in keep.items()
    ]
    return np.sort(np.concatenate(chosen)) if chosen else ids
