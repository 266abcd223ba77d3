"""Metrics of classes: what a confusion matrix says, class by class and as one number.

A confusion matrix counts samples: `confusion[true, predicted]`. A prediction of none (-1) is in no
column, so that a row of the matrix may sum to less than the class has samples: `n` counts all.
What has no sample behind it is NaN, never 0: a class without test samples has no sensitivity. All
of it agrees with scikit-learn where that defines it (tests/unit/test_class_metrics.py).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Rates = NDArray[np.float64]


@dataclass(frozen=True)
class Confusion:
    """`counts` [classes, classes]: samples by true and predicted class; `n` [classes]: the samples
    of each true class, those without a prediction included.
    """

    counts: Counts
    n: Counts

    def __add__(self, other: "Confusion") -> "Confusion":
        return Confusion(self.counts + other.counts, self.n + other.n)


def confusion(predicted: NDArray[np.int64], true: NDArray[np.int64], classes: int) -> Confusion:
    """Count predictions [samples] by true and predicted class.

    Samples whose true class is none of the classes (an answer that is no candidate) are left out;
    a prediction that is none counts in `n` alone.

    Example:
        >>> import numpy as np
        >>> found = confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2)
        >>> found.counts.tolist(), found.n.tolist()
        ([[1, 1], [0, 1]], [2, 1])
    """
    known = (true >= 0) & (true < classes)
    said = known & (predicted >= 0) & (predicted < classes)
    pairs = true[said] * classes + predicted[said]
    counts = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return Confusion(counts, np.bincount(true[known], minlength=classes))


def sensitivity(found: Confusion) -> Rates:
    """Of each class the share of its samples that were recognised: recall, true positive rate, its
    accuracy [classes].
    """
    return _share(np.diag(found.counts), found.n)


def precision(found: Confusion) -> Rates:
    """Of each class the share of what was called so that is it [classes]; NaN where nothing was."""
    return _share(np.diag(found.counts), found.counts.sum(axis=0))


def specificity(found: Confusion) -> Rates:
    """Of each class the share of the samples of other classes that were not called so [classes]."""
    others = found.n.sum() - found.n
    called_so = found.counts.sum(axis=0) - np.diag(found.counts)
    return _share(others - called_so, others)


def f1(found: Confusion) -> Rates:
    """The harmonic mean of precision and sensitivity: 2 TP / (2 TP + FP + FN) [classes].

    0 for a class that has samples and was never said; NaN for one that has none and was never said.
    """
    right = np.diag(found.counts)
    return _share(2 * right, found.n + found.counts.sum(axis=0))


def balanced_accuracy(found: Confusion) -> float:
    """The mean sensitivity of the classes that have samples: every class counts alike, however
    many samples it has.
    """
    return _mean_of_known(sensitivity(found))


def macro_f1(found: Confusion) -> float:
    """The mean F1 of the classes that have samples or were said."""
    return _mean_of_known(f1(found))


def macro_specificity(found: Confusion) -> float:
    """The mean specificity of the classes that have samples."""
    return _mean_of_known(np.where(found.n > 0, specificity(found), np.nan))


def _share(part: Counts, whole: Counts) -> Rates:
    """NaN of nothing."""
    shares: Rates = np.full(len(whole), np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares


def _mean_of_known(rates: Rates) -> float:
    known = rates[~np.isnan(rates)]
    return float(known.mean()) if known.size else float("nan")
