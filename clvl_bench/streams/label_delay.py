"""Arrivals: which training samples ever get a label, and when. Pure arithmetic on labels; the
runner's, never a learner's.

Every draw depends on the benchmark's own seed and the sample's id alone: all strategies and seeds
get the same labels at the same time, and a longer delay moves labels without choosing others.
"""

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.rng import rng
from clvl_bench.streams.supervision import Supervision

Ids = NDArray[np.int64]
NEVER = -1


def labelled(ids: Ids, groups: Ids, supervision: Supervision) -> Ids:
    """Those of some samples that ever get a label.

    Args:
        ids: training samples [n].
        groups: class (and dataset) of each [n]: a share is taken of every group, and at least one
            sample of it.
    """
    seed, chosen = supervision.draw_seed, []
    for group in np.unique(groups):
        mixed = rng("labelled", seed, int(group)).permutation(ids[groups == group])
        if supervision.labels_per_class is not None:
            mixed = mixed[: supervision.labels_per_class]
        elif supervision.label_fraction is not None:
            mixed = mixed[: max(1, round(supervision.label_fraction * len(mixed)))]
        chosen.append(mixed)
    found = np.sort(np.concatenate(chosen)) if chosen else ids
    lost = rng("never", seed).permutation(len(found))[: round(supervision.never * len(found))]
    return np.delete(found, lost)


def arrivals(ids: Ids, groups: Ids, steps: Ids, supervision: Supervision, *, samples: int) -> Ids:
    """The step at which each sample's label arrives [samples]; NEVER for those without.

    Args:
        ids, groups: as in `labelled`, in the order of the stream.
        steps: the step that reveals each of these samples [n].
        samples: how many there are in all.
    """
    shown = np.full(samples, NEVER, dtype=np.int64)
    shown[ids] = steps
    chosen = labelled(ids, groups, supervision)
    if supervision.labelled_steps is not None:
        chosen = chosen[shown[chosen] < supervision.labelled_steps]
    due = np.full(samples, NEVER, dtype=np.int64)
    due[chosen] = shown[chosen] + delays(chosen, supervision)
    return due


def delays(ids: Ids, supervision: Supervision) -> Ids:
    """Steps that the label of each sample waits [n]: at least none, on average `delay`."""
    mean = supervision.delay
    if supervision.arrival == "fixed" or mean == 0:
        return np.full(len(ids), mean, dtype=np.int64)
    drawn = rng("delay", supervision.draw_seed).random(int(ids.max(initial=0)) + 1)[ids]
    if supervision.arrival == "uniform":
        return np.floor(drawn * (2 * mean + 1)).astype(np.int64)
    # Geometric on 0, 1, 2, ... with mean d: P(k) = p (1 - p)^k, p = 1 / (1 + d), by inversion.
    waits: Ids = np.floor(np.log1p(-drawn) / np.log1p(-1 / (1 + mean))).astype(np.int64)
    return waits
