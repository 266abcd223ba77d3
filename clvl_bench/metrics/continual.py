"""Metrics: pure arithmetic on accuracy matrices.

`R[t, j]` is the accuracy on experience j after learning t experiences; row 0 is the untouched
backbone, so R has shape [T + 1, T]. `H[t, h]` is the same for held-out datasets h. What a
definition leaves undefined is NaN, never 0. Definitions and the variants that other projects use
under the same names: docs/metrics.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
NAN = float("nan")


def last(accuracy: Matrix) -> float:
    """Mean of the final row: ACC of Lopez-Paz & Ranzato 2017, "Last" of ZSCL (Zheng et al.
    2023).
    """
    return _mean(accuracy[-1])


def average(accuracy: Matrix) -> float:
    """ZSCL's "Avg": mean over all learned rows and all experiences, those not learned yet
    included.
    """
    return _mean(accuracy[1:])


def transfer(accuracy: Matrix) -> float:
    """ZSCL's Transfer: for each experience but the first its mean accuracy before it is learned,
    then the mean of these.

    Row 0 is not used (Zheng et al. 2023, released evaluation notebook). NaN for fewer than two
    experiences.
    """
    columns = [_mean(accuracy[1 : j + 1, j]) for j in range(1, accuracy.shape[1])]
    return _mean(np.array(columns))


def average_anytime(accuracy: Matrix) -> float:
    """AAA (Caccia et al. 2021): after each experience the mean over those learned so far, then the
    mean of these.
    """
    rows = [_mean(accuracy[t, :t]) for t in range(1, len(accuracy))]
    return _mean(np.array(rows))


def average_incremental(accuracy: Matrix, sizes: NDArray[np.int64]) -> float:
    """Average incremental accuracy ("Avg" of class-incremental tables): mean over t of the accuracy
    over the union test set of the experiences learned so far, each weighted by its number of test
    samples `sizes` [T].
    """
    rows = [_mean_weighted(accuracy[t, :t], sizes[:t]) for t in range(1, len(accuracy))]
    return _mean(np.array(rows))


def forgetting(accuracy: Matrix) -> float:
    """Mean drop from the best accuracy an experience had since it was learned to its last one.

    Chaudhry et al. 2018 (arXiv:1801.10112). Row 0, before training, does not count as "had"; the
    last experience is left out. NaN for fewer than two learned experiences: there is nothing to
    forget yet.
    """
    learned = accuracy.shape[1]
    drops = [np.max(accuracy[j + 1 : learned, j]) - accuracy[-1, j] for j in range(learned - 1)]
    return _mean(np.array(drops))


def backward_transfer(accuracy: Matrix) -> float:
    """BWT (Lopez-Paz & Ranzato 2017): mean change of an experience's accuracy since it was just
    learned.
    """
    changes = [accuracy[-1, j] - accuracy[j + 1, j] for j in range(accuracy.shape[1] - 1)]
    return _mean(np.array(changes))


def forward_transfer(accuracy: Matrix) -> float:
    """FWT (Lopez-Paz & Ranzato 2017) with the untouched backbone as reference b_j = R[0, j]: what
    was gained or lost of zero-shot accuracy on an experience just before it is learned.
    """
    gains = [accuracy[j, j] - accuracy[0, j] for j in range(1, accuracy.shape[1])]
    return _mean(np.array(gains))


def stream_degradation(accuracy: Matrix) -> float:
    """Mean over experiences 2..T of zero-shot accuracy minus the accuracy held until the experience
    was learned.
    """
    drops = [accuracy[0, j] - _mean(accuracy[1 : j + 1, j]) for j in range(1, accuracy.shape[1])]
    return _mean(np.array(drops))


def heldout_accuracy(heldout: Matrix) -> float:
    """Mean final accuracy on the held-out datasets."""
    return _mean(heldout[-1])


def heldout_degradation(heldout: Matrix) -> float:
    """Mean over held-out datasets of zero-shot accuracy minus final accuracy: the suite's measure
    of what was lost.
    """
    return _mean(heldout[0] - heldout[-1])


def zeroshot_accuracy(accuracy: Matrix) -> float:
    """Mean of row 0: the untouched backbone on the experiences."""
    return _mean(accuracy[0])


@dataclass(frozen=True)
class Metric:
    """A number per run: how it is computed, which way is better (+1 or -1), and its column
    title.
    """

    title: str
    better: int
    of: Callable[[Matrix, Matrix, NDArray[np.int64]], float]


METRICS: dict[str, Metric] = {
    "zeroshot": Metric("Zero-shot", +1, lambda r, h, n: zeroshot_accuracy(r)),
    "last": Metric("Last", +1, lambda r, h, n: last(r)),
    "average": Metric("Avg", +1, lambda r, h, n: average(r)),
    "transfer": Metric("Transfer", +1, lambda r, h, n: transfer(r)),
    "incremental": Metric("Avg incr.", +1, lambda r, h, n: average_incremental(r, n)),
    "anytime": Metric("AAA", +1, lambda r, h, n: average_anytime(r)),
    "forgetting": Metric("Forgetting", -1, lambda r, h, n: forgetting(r)),
    "bwt": Metric("BWT", +1, lambda r, h, n: backward_transfer(r)),
    "fwt": Metric("FWT (zero-shot)", +1, lambda r, h, n: forward_transfer(r)),
    "stream_degradation": Metric(
        "Zero-shot loss, stream", -1, lambda r, h, n: stream_degradation(r)
    ),
    "heldout": Metric("Held-out", +1, lambda r, h, n: heldout_accuracy(h)),
    "heldout_degradation": Metric(
        "Zero-shot loss, held-out", -1, lambda r, h, n: heldout_degradation(h)
    ),
}
"""The table of metrics per run. A new one is a function above and a line here."""


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
"""What online runs have beside the metrics above."""


def over_windows(values: Matrix, sizes: NDArray[np.int64]) -> float:
    """A rate of the whole stream from its windows: each counts by its samples, a short last one
    less. NaN without any.
    """
    return _mean_weighted(values, sizes)


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


def regret(rewards: Matrix, informed: Matrix, sizes: NDArray[np.int64]) -> Matrix:
    """Cumulative regret behind each window [windows]: rights of the full-information twin minus
    rewards.
    """
    return np.cumsum((informed - rewards) * sizes)


def _mean(values: Matrix) -> float:
    """Mean; NaN of nothing, and NaN wherever a value is missing: no number is made from fewer
    values than it names.
    """
    return float(np.mean(values)) if values.size else NAN


def _mean_weighted(values: Matrix, weights: NDArray[np.int64]) -> float:
    return float(np.sum(values * weights) / np.sum(weights)) if values.size else NAN
