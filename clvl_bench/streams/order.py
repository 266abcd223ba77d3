"""Order: the samples of a benchmark's experiences as one stream, each met once. Pure arithmetic,
from the benchmark's seed.

Each sample gets a moment between 0 and the number of experiences; sorted by it they make the
stream, which is cut into as many stretches of the experiences' sizes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.rng import rng
from clvl_bench.streams.online_config import Online

Ids = NDArray[np.int64]
Moments = NDArray[np.float64]


def in_order(groups: Sequence[Ids], labels: Ids, online: Online) -> list[Ids]:
    """The samples of each stretch, in the order in which they come.

    Args:
        groups: samples of each experience.
        labels: class of every sample, by id.
    """
    ids = np.concatenate(groups)
    order = ids[np.argsort(moments(groups, labels, online), kind="stable")]
    return np.split(order, np.cumsum([len(group) for group in groups])[:-1])


def moments(groups: Sequence[Ids], labels: Ids, online: Online) -> Moments:
    """When each sample comes [all samples of all groups, in their order].

    sharp: anywhere in its own experience. linear: the same, moved by up to half of `fade`, so that
        around a boundary the
    share of the new experience rises linearly over that length (Koh et al. 2022, arXiv:2110.10031,
        name the blurred
    setting; the straight ramp is ours). blurry: a share comes at any time (Bang et al. 2021,
        arXiv:2103.17230). gaussian:
    normally around the middle of its class's own time (Shanahan et al. 2021, arXiv:2105.13327).
        seasonal: at any time, with a
    density of 1 + cos, each experience with a phase of its own.
    """
    dice, count = rng("order", online.draw_seed), len(groups)
    sizes = [len(group) for group in groups]
    own = np.concatenate(
        [np.full(size, number) for number, size in enumerate(sizes)]
    ) + dice.random(sum(sizes))
    if online.boundaries == "linear":
        return own + online.fade * (dice.random(len(own)) - 0.5)
    if online.boundaries == "blurry":
        strays = dice.random(len(own)) < online.strays
        return np.where(strays, count * dice.random(len(own)), own)
    if online.boundaries == "gaussian":
        return _class_middles(groups, labels) + online.fade * dice.standard_normal(len(own))
    if online.boundaries == "seasonal":
        phases = np.concatenate(
            [np.full(size, number / count) for number, size in enumerate(sizes)]
        )
        return count * _seasonal(dice, phases, online.seasons)
    return own


def _class_middles(groups: Sequence[Ids], labels: Ids) -> Moments:
    """The middle of each sample's class: an experience's time shared evenly by its classes."""
    middles = []
    for number, group in enumerate(groups):
        classes, place = np.unique(labels[group], return_inverse=True)
        middles.append(number + (place + 0.5) / max(1, len(classes)))
    return np.concatenate(middles)


def _seasonal(dice: np.random.Generator, phases: Moments, seasons: int) -> Moments:
    """Moments in [0, 1) with density 1 + cos(2 pi (seasons u - phase)), by rejection."""
    found = np.full(len(phases), np.nan)
    while (open_ := np.flatnonzero(np.isnan(found))).size:
        tried, level = dice.random(len(open_)), 2 * dice.random(len(open_))
        accepted = level < 1 + np.cos(2 * np.pi * (seasons * tried - phases[open_]))
        found[open_[accepted]] = tried[accepted]
    return found
