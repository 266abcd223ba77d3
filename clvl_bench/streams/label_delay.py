"""Label delay: which training samples ever get a label, and at which step it arrives. Pure
arithmetic on labels, for the runner and never for a learner.

Every draw depends on the benchmark's own seed and the sample's id alone: all strategies and seeds
get the same labels at the same time, and a longer delay moves labels without choosing others.
"""

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.rng import rng
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.plan import Plan, steps_of
from clvl_bench.streams.split_slice import Ids, Labels
from clvl_bench.streams.supervision import Supervision

Steps = NDArray[np.int64]
"""Numbers of steps of an online stream."""

NEVER = -1
"""In place of a step: the label does not arrive."""


def label_arrivals(config: BenchmarkConfig, plan: Plan, labels: Labels) -> Steps:
    """The step at which the label of each sample arrives [samples], NEVER for those without.

    Only the training stream has hidden labels; without an online stream all arrivals are 0.
    """
    train = plan.streams["train"]
    ids = np.concatenate([spec.ids for spec in train])
    # One number for each pair of dataset and class: a share of the labels is taken of every pair.
    pairs = plan.tasks[ids] * len(plan.classes) + labels[ids]
    if config.online is None:
        arrivals_of_all = np.zeros_like(labels)
        arrivals_of_all[ids] = NEVER
        arrivals_of_all[labelled(ids, pairs, config.supervision)] = 0
        return arrivals_of_all
    step_sizes = []
    for spec in train:
        step_sizes += [len(step) for step in steps_of(spec.ids, config.online.step_size)]
    steps = np.repeat(np.arange(len(step_sizes)), step_sizes)
    return arrivals(ids, pairs, steps, config.supervision, samples=len(labels))


def labelled(ids: Ids, groups: Labels, supervision: Supervision) -> Ids:
    """Those of some samples that ever get a label.

    Args:
        ids: training samples [n].
        groups: class (and dataset) of each [n]: a share is taken of every group, and at least one
            sample of it.
    """
    seed = supervision.draw_seed
    chosen = []
    for group in np.unique(groups):
        mixed = rng("labelled", seed, int(group)).permutation(ids[groups == group])
        if supervision.labels_per_class is not None:
            mixed = mixed[: supervision.labels_per_class]
        elif supervision.label_fraction is not None:
            mixed = mixed[: max(1, round(supervision.label_fraction * len(mixed)))]
        chosen.append(mixed)
    found = np.sort(np.concatenate(chosen)) if chosen else ids
    mixed_rows = rng("never", seed).permutation(len(found))
    return np.delete(found, mixed_rows[: round(supervision.never * len(found))])


def arrivals(
    ids: Ids, groups: Labels, steps: Steps, supervision: Supervision, *, samples: int
) -> Steps:
    """The step at which each sample's label arrives [samples]; NEVER for those without.

    Args:
        ids, groups: as in `labelled`, in the order of the stream.
        steps: the step at which the learner meets each of these samples [n].
        samples: how many there are in all.
    """
    step_of = np.full(samples, NEVER, dtype=np.int64)
    step_of[ids] = steps
    chosen = labelled(ids, groups, supervision)
    if supervision.labelled_steps is not None:
        chosen = chosen[step_of[chosen] < supervision.labelled_steps]
    arrival_of = np.full(samples, NEVER, dtype=np.int64)
    arrival_of[chosen] = step_of[chosen] + delays(chosen, supervision)
    return arrival_of


def delays(ids: Ids, supervision: Supervision) -> Steps:
    """Steps that the label of each sample waits [n]: at least none, on average `delay`."""
    mean = supervision.delay
    if supervision.arrival == "fixed" or mean == 0:
        return np.full(len(ids), mean, dtype=np.int64)
    # A number is drawn for every id up to the last: so the delay of a sample does not depend on
    # which other samples get a label.
    drawn = rng("delay", supervision.draw_seed).random(int(ids.max(initial=0)) + 1)[ids]
    if supervision.arrival == "uniform":
        return np.floor(drawn * (2 * mean + 1)).astype(np.int64)
    # Geometric on 0, 1, 2, ... with mean d: P(k) = p (1 - p)^k, p = 1 / (1 + d), by inversion.
    waits: Steps = np.floor(np.log1p(-drawn) / np.log1p(-1 / (1 + mean))).astype(np.int64)
    return waits
