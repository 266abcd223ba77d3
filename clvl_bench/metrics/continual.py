"""Metrics of a run: pure arithmetic on the accuracies that were measured along it.

Every metric is a function of one `Accuracies` object; the table METRICS names them. What a
definition leaves undefined is NaN, never 0. Definitions and the variants that other projects use
under the same names: docs/reference/metrics.md. What online runs have beside these: `online`. What
is computed from the predictions of single samples: `samples`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Sizes = NDArray[np.int64]
NAN = float("nan")


def _nothing_held_out() -> Matrix:
    return np.empty((1, 0))


def _no_sizes() -> Sizes:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Accuracies:
    """What was measured along a run of T experiences. Row 0 is the untouched backbone.

    `test` [T + 1, T]: `test[t, j]` is the accuracy on experience j after learning t experiences.
    `heldout` [T + 1, held-out datasets]: the same for datasets that are never trained on.
    `sizes` [T]: how many test samples each experience has.
    """

    test: Matrix
    heldout: Matrix = field(default_factory=_nothing_held_out)
    sizes: Sizes = field(default_factory=_no_sizes)

    @property
    def n_experiences(self) -> int:
        return int(self.test.shape[1])


def last(run: Accuracies) -> float:
    """Mean of the final row: ACC of Lopez-Paz & Ranzato 2017, "Last" of ZSCL (Zheng et al.
    2023).
    """
    return mean(run.test[-1])


def average(run: Accuracies) -> float:
    """ZSCL's "Avg": mean over all learned rows and all experiences, those not learned yet
    included.
    """
    return mean(run.test[1:])


def transfer(run: Accuracies) -> float:
    """ZSCL's Transfer: for each experience but the first its mean accuracy before it is learned,
    then the mean of these.

    Row 0 is not used (Zheng et al. 2023, released evaluation notebook). NaN for fewer than two
    experiences.
    """
    return mean(_accuracy_before_learning(run))


def average_anytime(run: Accuracies) -> float:
    """AAA (Caccia et al. 2021): after each experience the mean over those learned so far, then the
    mean of these.
    """
    rows = [mean(run.test[t, :t]) for t in range(1, len(run.test))]
    return mean(np.array(rows))


def seen_accuracy(run: Accuracies) -> Matrix:
    """After each experience, the accuracy over the union test set of those learned so far [T].

    Each experience is weighted by its number of test samples.
    """
    steps = range(1, len(run.test))
    return np.array([weighted_mean(run.test[t, :t], run.sizes[:t]) for t in steps])


def average_incremental(run: Accuracies) -> float:
    """Average incremental accuracy ("Avg" of class-incremental tables): the mean over time of
    `seen_accuracy`.
    """
    return mean(seen_accuracy(run))


def forgetting(run: Accuracies) -> float:
    """Mean drop from the best accuracy an experience had since it was learned to its last one.

    Chaudhry et al. 2018 (arXiv:1801.10112). Row 0, before training, does not count as "had"; the
    last experience is left out. NaN for fewer than two learned experiences: there is nothing to
    forget yet.
    """
    return _forgetting(run.test)


def forgetting_so_far(run: Accuracies) -> Matrix:
    """`forgetting` after each experience, over those learned so far [T]."""
    steps = range(1, len(run.test))
    return np.array([_forgetting(run.test[: t + 1, :t]) for t in steps])


def _forgetting(accuracy: Matrix) -> float:
    n_experiences = accuracy.shape[1]
    drops = []
    for j in range(n_experiences - 1):
        best = np.max(accuracy[j + 1 : n_experiences, j])
        drops.append(best - accuracy[-1, j])
    return mean(np.array(drops))


def backward_transfer(run: Accuracies) -> float:
    """BWT (Lopez-Paz & Ranzato 2017): mean change of an experience's accuracy since it was just
    learned.
    """
    changes = [run.test[-1, j] - run.test[j + 1, j] for j in range(run.n_experiences - 1)]
    return mean(np.array(changes))


def forward_transfer(run: Accuracies) -> float:
    """FWT (Lopez-Paz & Ranzato 2017) with the untouched backbone as reference b_j = R[0, j]: what
    was gained or lost of zero-shot accuracy on an experience just before it is learned.
    """
    gains = [run.test[j, j] - run.test[0, j] for j in range(1, run.n_experiences)]
    return mean(np.array(gains))


def stream_degradation(run: Accuracies) -> float:
    """Mean over experiences 2..T of zero-shot accuracy minus the accuracy held until the experience
    was learned.
    """
    return mean(run.test[0, 1:] - _accuracy_before_learning(run))


def heldout_accuracy(run: Accuracies) -> float:
    """Mean final accuracy on the held-out datasets."""
    return mean(run.heldout[-1])


def heldout_degradation(run: Accuracies) -> float:
    """Mean over held-out datasets of zero-shot accuracy minus final accuracy: the suite's measure
    of what was lost.
    """
    return mean(run.heldout[0] - run.heldout[-1])


def zeroshot_accuracy(run: Accuracies) -> float:
    """Mean of row 0: the untouched backbone on the experiences."""
    return mean(run.test[0])


@dataclass(frozen=True)
class Metric:
    """A number per run: its column title, which way is better (+1 or -1), and the function that
    computes it.
    """

    title: str
    better: int
    of: Callable[[Accuracies], float]


METRICS: dict[str, Metric] = {
    "zeroshot": Metric("Zero-shot", +1, zeroshot_accuracy),
    "last": Metric("Last", +1, last),
    "average": Metric("Avg", +1, average),
    "transfer": Metric("Transfer", +1, transfer),
    "incremental": Metric("Avg incr.", +1, average_incremental),
    "anytime": Metric("AAA", +1, average_anytime),
    "forgetting": Metric("Forgetting", -1, forgetting),
    "bwt": Metric("BWT", +1, backward_transfer),
    "fwt": Metric("FWT (zero-shot)", +1, forward_transfer),
    "stream_degradation": Metric("Zero-shot loss, stream", -1, stream_degradation),
    "heldout": Metric("Held-out", +1, heldout_accuracy),
    "heldout_degradation": Metric("Zero-shot loss, held-out", -1, heldout_degradation),
}
"""The table of metrics per run. A new one is a function above and a line here."""


def mean(values: Matrix) -> float:
    """Mean; NaN of nothing, and NaN wherever a value is missing: no number is made from fewer
    values than it names.
    """
    return float(np.mean(values)) if values.size else NAN


def weighted_mean(values: Matrix, weights: Sizes) -> float:
    """The same, each value counted `weights` times."""
    return float(np.sum(values * weights) / np.sum(weights)) if values.size else NAN


def _accuracy_before_learning(run: Accuracies) -> Matrix:
    """Of each experience but the first, the mean accuracy until it is learned, row 0 left out
    [T - 1].
    """
    columns = [mean(run.test[1 : j + 1, j]) for j in range(1, run.n_experiences)]
    return np.array(columns)
