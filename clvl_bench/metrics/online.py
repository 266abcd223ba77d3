"""Metrics of online runs: rates over windows of the stream, counts of labels, what delay costs."""

from dataclasses import dataclass

import numpy as np

from clvl_bench.metrics.continual import NAN, Matrix, Sizes, weighted_mean


@dataclass(frozen=True)
class StreamMetric:
    """A number per online run: its title, which way is better (+1, -1, or 0 where it is no merit),
    and whether it is a rate, which is averaged over windows, or a count, which is one row.
    """

    title: str
    better: int
    rate: bool = True


STREAM: dict[str, StreamMetric] = {
    "prequential": StreamMetric("Prequential", +1),
    "near_future": StreamMetric("Near future", +1),
    "reward": StreamMetric("Reward", +1),
    "blind_last": StreamMetric("Last label", 0),
    "blind_majority": StreamMetric("Majority", 0),
    "pseudo_precision": StreamMetric("Pseudo right", +1),
    "pseudo_coverage": StreamMetric("Pseudo share", 0),
    "labels_used": StreamMetric("Labels used", 0, rate=False),
    "labels_late": StreamMetric("Behind the end", 0, rate=False),
    "labels_never": StreamMetric("Never", 0, rate=False),
    "labels_lost": StreamMetric("Lost", 0, rate=False),
}
"""What online runs have beside the metrics of `continual.METRICS`."""


def over_windows(values: Matrix, sizes: Sizes) -> float:
    """A rate of the whole stream from its windows: each counts by its samples, a short last one
    less. NaN without any.
    """
    return weighted_mean(values, sizes)


def delay_gap(at_once: float, late: float) -> float:
    """What the delay costs a method: its accuracy without delay minus that with it."""
    return at_once - late


def recovered(late: float, naive_late: float, naive_at_once: float) -> float:
    """Which share of the naive learner's delay gap a method wins back (Csaba et al. 2024); NaN
    where there is no gap.

    The same share is asked of few labels, with the learner of labelled samples alone and the fully
    supervised one.
    """
    gap = naive_at_once - naive_late
    return (late - naive_late) / gap if gap > 0 else NAN


def regret(rewards: Matrix, informed: Matrix, sizes: Sizes) -> Matrix:
    """Cumulative regret behind each window [windows]: rights of the full-information twin minus
    rewards.
    """
    return np.cumsum((informed - rewards) * sizes)
