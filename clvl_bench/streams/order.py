"""Order: the samples of a benchmark's experiences as one stream, each met once. Pure arithmetic,
from the benchmark's seed.

Each sample gets a moment between 0 and the number of experiences. Sorted by their moments, the
samples make the stream; it is cut into as many stretches as there are experiences, of their sizes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.rng import rng
from clvl_bench.streams.online_config import Online
from clvl_bench.streams.split_slice import Ids, Labels

Moments = NDArray[np.float64]


def in_order(groups: Sequence[Ids], labels: Labels, online: Online) -> list[Ids]:
    """The samples of each stretch, in the order in which they come.

    Args:
        groups: samples of each experience.
        labels: class of every sample, by id.
    """
    ids = np.concatenate(groups)
    # A stable sort, so that samples of one moment keep their order on every machine.
    order = ids[np.argsort(moments(groups, labels, online), kind="stable")]
    ends = np.cumsum([len(group) for group in groups])
    return np.split(order, ends[:-1])


def moments(groups: Sequence[Ids], labels: Labels, online: Online) -> Moments:
    """When each sample comes [all samples of all groups, in their order].

    sharp: anywhere in its own experience.
    linear: the same, moved by up to half of `fade`, so that around a boundary the share of the new
        experience rises linearly over that length (Koh et al. 2022, arXiv:2110.10031, name the
        blurred setting; the straight ramp is ours).
    blurry: a share comes at any time (Bang et al. 2021, arXiv:2103.17230).
    gaussian: normally around the middle of its class's own time (Shanahan et al. 2021,
        arXiv:2105.13327).
    seasonal: at any time, with a density of 1 + cos, each experience with a phase of its own.
    """
    generator = rng("order", online.draw_seed)
    experience = _experience_of(groups)
    count = len(groups)
    # Drawn first, in every setting: one seed gives the same moments within the experiences.
    sharp = experience + generator.random(len(experience))
    if online.boundaries == "linear":
        return sharp + online.fade * (generator.random(len(sharp)) - 0.5)
    if online.boundaries == "blurry":
        strays = generator.random(len(sharp)) < online.strays
        return np.where(strays, count * generator.random(len(sharp)), sharp)
    if online.boundaries == "gaussian":
        noise = generator.standard_normal(len(sharp))
        return _class_middles(groups, labels) + online.fade * noise
    if online.boundaries == "seasonal":
        return count * _seasonal(generator, experience / count, online.seasons)
    return sharp


def _experience_of(groups: Sequence[Ids]) -> NDArray[np.int64]:
    """The number of each sample's experience [all samples]."""
    sizes = [len(group) for group in groups]
    return np.repeat(np.arange(len(groups), dtype=np.int64), sizes)


def _class_middles(groups: Sequence[Ids], labels: Labels) -> Moments:
    """The middle of each sample's class: an experience's time shared evenly by its classes."""
    middles = []
    for number, group in enumerate(groups):
        classes, rank = np.unique(labels[group], return_inverse=True)
        middles.append(number + (rank + 0.5) / max(1, len(classes)))
    return np.concatenate(middles)


def _seasonal(generator: np.random.Generator, phases: Moments, seasons: int) -> Moments:
    """Moments in [0, 1) with density 1 + cos(2 pi (seasons u - phase)), by rejection."""
    found = np.full(len(phases), np.nan)
    missing = np.arange(len(phases))
    while missing.size:
        tried = generator.random(len(missing))
        level = 2 * generator.random(len(missing))
        density = 1 + np.cos(2 * np.pi * (seasons * tried - phases[missing]))
        accepted = level < density
        found[missing[accepted]] = tried[accepted]
        missing = missing[~accepted]
    return found
