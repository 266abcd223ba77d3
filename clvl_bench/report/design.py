"""Design: how many independent draws stand behind the mean of some runs, and how sure that mean is.

Class orders, seeds and test samples are all drawn, and every strategy meets the same ones. Call
d[o, s, i] the difference of two strategies for order o, seed s and sample i (or the accuracy of one
strategy):

    d[o, s, i] = mean + order + seed + order x seed + sample + order x sample + seed x sample + rest

Runs of one order share the order's effect, and runs of one seed the seed's, so that nine runs of
three orders are not nine independent numbers. The variance of the mean is put together from three
parts, each unbiased by itself:

- samples: the variance of the mean over test samples with the runs held fixed;
- orders: the variance of the order means, less what test samples alone make them differ by;
- seeds: the covariance of two orders over the seeds that both have, less the same for samples.
  Order means share it, so that it is not in their variance.

A part below zero counts as zero. The degrees of freedom are close to Satterthwaite's (1946,
Biometrics Bulletin 2): the number of orders less one, where the orders decide; that of the seeds
less one, where the seeds do; of samples, where runs differ by no more than their samples make them.
tests/simulations/coverage.py compares this with other schemes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHARE_POWER = 1.5
"""How a part's share of the variance weighs in the degrees of freedom.

Satterthwaite's 2 is right for shares that are known. Ours are estimated, and where three orders
came out alike by chance it takes their part for small and t for well known: intervals then hold the
truth in 90 to 93 of 100 tables. With 1.5 they hold it in 93 to 97.
"""

ROUNDING = 1e-20
"""Accuracies over a million samples that differ at all have a larger variance."""


class RunAt(NamedTuple):
    """Where a run stands in the design."""

    class_order: int
    seed: int


@dataclass(frozen=True)
class Design:
    """Quadratic forms of the runs' means m [runs]: m' Q m estimates a part of the variance of
    weights' m.

    `by_order` is the variance of order means over the number of orders, `between_orders` the
    covariance of orders through their seeds, `by_seed` the variance of seed means, on the same
    scale. With one order, seeds take the orders' place.
    """

    weights: Floats
    by_order: Floats
    between_orders: Floats
    by_seed: Floats
    order_df: int
    seed_df: int


class Estimate(NamedTuple):
    """Means [k], variances of these means [k], and their degrees of freedom [k]."""

    mean: Floats
    variance: Floats
    df: Floats


def design(runs: Sequence[RunAt]) -> Design:
    """The design of these runs. Each class order has the same weight, however many seeds it was run
    with.
    """
    clusters = [run.class_order for run in runs]
    several_orders = len(set(clusters)) > 1
    if not several_orders:
        clusters = [run.seed for run in runs]
    means = _means(clusters)
    n_clusters = len(means)
    nothing = np.zeros((len(runs), len(runs)))
    by_order = nothing
    if n_clusters > 1:
        scale = n_clusters * (n_clusters - 1)
        by_order = means.T @ _centring(n_clusters) @ means / scale
    order_df = max(n_clusters - 1, 1)
    weights = means.mean(axis=0)
    seeds = _through_seeds(runs, means) if several_orders else None
    if seeds is None:
        return Design(weights, by_order, nothing, nothing, order_df, order_df)
    between_orders, by_seed, seed_df = seeds
    return Design(weights, by_order, between_orders, by_seed, order_df, seed_df)


def estimate(
    plan: Design, means: Floats, covariance: Floats | None = None, samples: int = 0
) -> Estimate:
    """The mean of each row, how sure it is, and on how many degrees of freedom.

    Args:
        means: of each run [k, runs].
        covariance: of the runs over test samples [k, runs, runs]. Without it the test set counts as
            given, and the answer is about other orders and seeds alone.
        samples: how many test samples there are.
    """
    mean = means @ plan.weights
    # No form changes when a number is added to all runs: small numbers keep rounding smaller still.
    centred = means - mean[:, np.newaxis]
    of_orders = np.maximum(_form(plan.by_order, centred), 0.0)
    of_seeds = np.maximum(_form(plan.by_seed, centred), 0.0)
    shared = _form(plan.between_orders, centred)
    of_samples, samples_df = np.zeros(len(means)), 1
    orders_by_chance = np.zeros(len(means))
    shared_by_chance = np.zeros(len(means))
    if covariance is not None and samples > 0:
        orders_by_chance = np.einsum("rs,ksr->k", plan.by_order, covariance) / samples
        shared_by_chance = np.einsum("rs,ksr->k", plan.between_orders, covariance) / samples
        of_samples = np.einsum("r,krs,s->k", plan.weights, covariance, plan.weights) / samples
        # What samples do to single orders and seeds is a part of what they do to the mean, so
        # that the whole may not come out smaller than its part.
        least = np.maximum(orders_by_chance, 0.0) + np.maximum(shared_by_chance, 0.0)
        of_samples = np.maximum(of_samples, least)
        samples_df = max(samples - 1, 1)
    orders = np.maximum(of_orders - orders_by_chance, 0.0)
    seeds = np.maximum(shared - shared_by_chance, 0.0)
    variance = of_samples + orders + seeds
    # Where a part is there at all, the noise of its whole mean square counts: with that of the
    # excess alone, intervals come out too short.
    parts = (
        (np.where(orders > 0, of_orders, 0.0), plan.order_df),
        (np.where(seeds > 0, of_seeds, 0.0), plan.seed_df),
        (of_samples, samples_df),
    )
    # Where all runs and samples agree, rounding leaves some 1e-36.
    variance = np.where(variance < ROUNDING, 0.0, variance)
    certain = variance == 0
    total = np.where(certain, 1.0, variance)
    inverse = np.zeros(len(means))
    for part, part_df in parts:
        inverse += (part / total) ** SHARE_POWER / part_df
    df = np.where(certain, samples_df, 1 / np.where(certain, 1.0, inverse))
    # A sum of parts is never less certain than its least certain part.
    fewest = min(plan.order_df, plan.seed_df)
    return Estimate(mean, variance, np.maximum(df, fewest))


def independent_spread(values: Sequence[float], runs: Sequence[RunAt]) -> float:
    """Standard deviation of a single run: from pairs of runs that share neither class order nor
    seed, where there are several.

    Half the mean squared difference of two independent runs is the variance of one. Runs of one
    order are more alike than that, so that the usual formula would come out too small. Where no two
    runs share an order, the two are the same. NaN for one run.
    """
    orders = {run.class_order for run in runs}
    seeds = {run.seed for run in runs}
    squares = []
    for (one, at), (other, there) in combinations(zip(values, runs, strict=True), 2):
        another_order = at.class_order != there.class_order or len(orders) == 1
        another_seed = at.seed != there.seed or len(seeds) == 1
        if another_order and another_seed:
            squares.append((one - other) ** 2)
    return float(np.sqrt(sum(squares) / (2 * len(squares)))) if squares else float("nan")


def _means(clusters: Sequence[int]) -> Floats:
    """Each row takes the mean of one cluster's runs [clusters, runs]."""
    names = sorted(set(clusters))
    member = np.array(
        [[cluster == name for cluster in clusters] for name in names], dtype=np.float64
    )
    averaging: Floats = member / member.sum(axis=1, keepdims=True)
    return averaging


def _through_seeds(runs: Sequence[RunAt], order_means: Floats) -> tuple[Floats, Floats, int] | None:
    """`between_orders`, `by_seed` and `seed_df` of a design; None where no two orders share two
    seeds.

    The mean covariance of two order means is the seeds' variance times how much the orders' seeds
    overlap: 1 / seeds where all have the same, 0 where each has its own.
    """
    where = {run: place for place, run in enumerate(runs)}
    seeds = sorted({run.seed for run in runs})
    orders = sorted({run.class_order for run in runs})
    covariance = np.zeros((len(runs), len(runs)))
    pairs = 0
    used: set[int] = set()
    for order, other in combinations(orders, 2):
        common = [s for s in seeds if RunAt(order, s) in where and RunAt(other, s) in where]
        if len(common) < 2:
            continue
        rows = [where[RunAt(order, seed)] for seed in common]
        columns = [where[RunAt(other, seed)] for seed in common]
        covariance[np.ix_(rows, columns)] += _centring(len(common)) / (len(common) - 1)
        pairs += 1
        used.update(common)
    if pairs == 0:
        return None
    seed_means = np.zeros((len(used), len(runs)))
    for row, seed in enumerate(sorted(used)):
        members = [place for run, place in where.items() if run.seed == seed]
        seed_means[row, members] = 1 / len(members)
    overlap = _overlap(runs, order_means)
    between_orders = overlap * (covariance + covariance.T) / (2 * pairs)
    by_seed = overlap * seed_means.T @ _centring(len(used)) @ seed_means / (len(used) - 1)
    return between_orders, by_seed, len(used) - 1


def _overlap(runs: Sequence[RunAt], order_means: Floats) -> float:
    """The chance that runs drawn from two different orders have the same seed."""
    seeds = sorted({run.seed for run in runs})
    has_seed = np.array([[run.seed == seed for seed in seeds] for run in runs], dtype=np.float64)
    shares = order_means @ has_seed
    together = shares @ shares.T
    orders = len(together)
    return float((together.sum() - np.trace(together)) / (orders * (orders - 1)))


def _centring(size: int) -> Floats:
    return np.eye(size) - 1 / size


def _form(matrix: Floats, means: Floats) -> Floats:
    form: Floats = np.einsum("kr,rs,ks->k", means, matrix, means)
    return form
