"""Shape: how many training samples each class has, and in which experience they come, where that is
not all of them at once.

Every draw depends on the benchmark's own seeds alone, never on the run's: all strategies and seeds
meet the same samples.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from clvl_bench.core.rng import rng
from clvl_bench.streams.split_slice import Ids, Labels


def few_shot(ids: Ids, labels: Labels, *, shots: int, seed: int) -> Ids:
    """At most `shots` samples of each class, drawn at random."""
    keep = {int(class_id): shots for class_id in np.unique(labels[ids])}
    return _drawn(ids, labels, keep, seed)


def long_tailed(
    ids: Ids, labels: Labels, order: Sequence[int], *, imbalance: float, seed: int
) -> Ids:
    """The first class in `order` keeps all its samples, the last one the share 1 / imbalance, those
    between fall exponentially (Cao et al. 2019, arXiv:1906.07413, the "long-tailed" profile); each
    class keeps at least one.
    """
    last = max(1, len(order) - 1)
    shares = {class_id: imbalance ** (-rank / last) for rank, class_id in enumerate(order)}
    classes, sizes = np.unique(labels[ids], return_counts=True)
    keep = {}
    for class_id, size in zip(classes.tolist(), sizes.tolist(), strict=True):
        keep[class_id] = max(1, round(size * shares[class_id]))
    return _drawn(ids, labels, keep, seed)


def share_of_turn(ids: Ids, labels: Labels, *, turn: int, turns: int) -> Ids:
    """One of several shares of equal size of each class: a class that comes again comes with other
    samples.
    """
    chosen = []
    for class_id in np.unique(labels[ids]):
        mixed = rng("repeats", int(class_id)).permutation(ids[labels[ids] == class_id])
        chosen.append(np.array_split(mixed, turns)[turn])
    return _sorted(chosen, empty=ids)


def blurred(groups: Sequence[Ids], *, share: float, seed: int) -> list[Ids]:
    """Of each experience's samples the share moves, at random, evenly to the other experiences (the
    "blurry" split of Bang et al. 2021, arXiv:2103.17230).
    """
    pieces: list[list[Ids]] = [[] for _ in groups]
    for number, ids in enumerate(groups):
        others = [other for other in range(len(groups)) if other != number]
        mixed = rng("blurry", seed, number).permutation(ids)
        if not others:
            pieces[number].append(mixed)
            continue
        moved = round(share * len(ids))
        pieces[number].append(mixed[moved:])
        for other, piece in zip(others, np.array_split(mixed[:moved], len(others)), strict=True):
            pieces[other].append(piece)
    return [np.sort(np.concatenate(each)) for each in pieces]


def _drawn(ids: Ids, labels: Labels, keep: Mapping[int, int], seed: int) -> Ids:
    """So many samples of each class, at random."""
    chosen = []
    for class_id, count in keep.items():
        mixed = rng("drawn", seed, class_id).permutation(ids[labels[ids] == class_id])
        chosen.append(mixed[:count])
    return _sorted(chosen, empty=ids)


def _sorted(chosen: Sequence[Ids], *, empty: Ids) -> Ids:
    """The chosen samples in the order of their ids; `empty` where there was no class at all."""
    if not chosen:
        return empty
    return np.sort(np.concatenate(chosen))
