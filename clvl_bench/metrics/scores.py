"""Metrics of scores: what confidences say beyond the class that was predicted.

Both agree with what defines them: `auc` with scikit-learn's roc_auc_score, `calibration_error` with
the sum by hand (tests/unit/test_score_metrics.py).
"""

import numpy as np
from numpy.typing import NDArray

from clvl_bench.metrics.continual import NAN

BINS = 15
"""Of the calibration error, as in Guo et al. 2017."""


def auc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a positive sample has a higher score than a negative one,
    ties counted half (the rank statistic of Mann and Whitney 1947).

    NaN where one of the two kinds has no sample, or a score is none.

    Args:
        scores: of being positive [n].
        positive: which samples are [n].

    Example:
        >>> scores = np.array([0.1, 0.4, 0.4, 0.8])
        >>> auc(scores, np.array([False, False, True, True]))
        0.875
    """
    positives = int(np.count_nonzero(positive))
    negatives = len(positive) - positives
    if not positives or not negatives or np.isnan(scores).any():
        return NAN
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    # Equal scores share the mean of the ranks that they take up together.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    won = float(ranks[positive].sum()) - positives * (positives + 1) / 2
    return won / (positives * negatives)


def calibration_error(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], *, bins: int = BINS
) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv:1706.04599, equation 3): the mean over
    samples of the gap between accuracy and mean confidence in the sample's bin.

    Bins are of equal width, open below and closed above, as there. NaN of no sample, and where a
    confidence is NaN.

    Args:
        confidence: probability of the predicted class [n].
        right: whether it is the true one [n].

    Example:
        >>> confidence = np.array([0.9, 0.9, 0.6])
        >>> round(calibration_error(confidence, np.array([True, False, True])), 3)
        0.4
    """
    if not len(confidence) or np.isnan(confidence).any():
        return NAN
    exact = confidence.astype(np.float64)
    bin_of = np.clip(np.ceil(exact * bins).astype(np.int64) - 1, 0, bins - 1)
    rights = np.bincount(bin_of, weights=right, minlength=bins)
    confidences = np.bincount(bin_of, weights=exact, minlength=bins)
    # A bin's share of the samples times its gap is the gap of its sums over all samples.
    return float(np.abs(rights - confidences).sum() / len(exact))
