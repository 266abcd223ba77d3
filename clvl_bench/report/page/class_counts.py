"""Class counts: what the strategies of a table said of each class at the end of the stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clvl_bench.metrics.classes import (
    Confusion,
    balanced_accuracy,
    confusion,
    macro_f1,
    macro_specificity,
)
from clvl_bench.metrics.continual import NAN
from clvl_bench.metrics.samples import Samples, area_under_roc, expected_calibration_error
from clvl_bench.report.design import RunAt
from clvl_bench.report.runs import Run

WHOLE = 20
"""Classes up to which a confusion matrix is shown whole."""
LARGEST = 40
"""Confusions that are shown where it is not."""


@dataclass(frozen=True)
class Said:
    """What a run said of all test samples at the end, and its confusion matrix."""

    samples: Samples
    confusion: Confusion


def _balanced_accuracy(said: Said) -> float:
    return balanced_accuracy(said.confusion)


def _macro_f1(said: Said) -> float:
    return macro_f1(said.confusion)


def _macro_specificity(said: Said) -> float:
    return macro_specificity(said.confusion)


def _calibration_error(said: Said) -> float:
    return expected_calibration_error(said.samples)


def _auc(said: Said) -> float:
    """NaN where samples have other than two candidates."""
    return area_under_roc(said.samples) if said.samples.positive else NAN


@dataclass(frozen=True)
class ClassMetric:
    """A number of a run that its predictions give: title, which way is better, and function."""

    title: str
    better: int
    of: Callable[[Said], float]


CLASS_METRICS: dict[str, ClassMetric] = {
    "balanced_accuracy": ClassMetric("Balanced acc.", +1, _balanced_accuracy),
    "macro_f1": ClassMetric("Macro F1", +1, _macro_f1),
    "macro_specificity": ClassMetric("Specificity", +1, _macro_specificity),
    "auc": ClassMetric("AUC", +1, _auc),
    "ece": ClassMetric("ECE", -1, _calibration_error),
}
"""The table of these, over all test samples of a run at once."""


@dataclass(frozen=True)
class ClassCounts:
    """The confusion of a strategy, summed over its runs, and numbers of each run."""

    confusion: Confusion
    numbers: dict[str, dict[RunAt, float]]


def class_counts(
    runs: Sequence[Run], classes: int, *, positive: tuple[int, ...] = ()
) -> ClassCounts | None:
    """Of the runs of a strategy; None where no run folder with predictions is here.

    Args:
        classes: how many classes there are. Held-out datasets have classes of their own, which no
            test sample is of.
        positive: the classes that are the second of two, where all samples have two candidates.
    """
    total: Confusion | None = None
    numbers: dict[str, dict[RunAt, float]] = {name: {} for name in CLASS_METRICS}
    for run in runs:
        stored = None if run.result is None else run.result.predictions(-1)
        if stored is None or not len(stored.true):
            continue
        found = confusion(stored.predicted, stored.true, classes)
        total = found if total is None else total + found
        place = RunAt(run.origin.class_order, run.origin.seed)
        samples = Samples(stored.predicted, stored.true, stored.confidence, positive)
        for name, metric in CLASS_METRICS.items():
            numbers[name][place] = metric.of(Said(samples, found))
    return None if total is None else ClassCounts(total, numbers)


def told(found: Confusion) -> dict[str, Any]:
    """What a page says of it: of each class that has samples or was said its id, samples, rights
    and how often it was said; the matrix of few classes, or the largest confusions of many.
    """
    said = found.counts.sum(axis=0)
    occurring = np.flatnonzero((found.n > 0) | (said > 0))
    right = np.diag(found.counts)
    rows = np.stack([occurring, found.n[occurring], right[occurring], said[occurring]], axis=1)
    content: dict[str, Any] = {"rows": rows.tolist(), "samples": int(found.n.sum())}
    if len(occurring) <= WHOLE:
        content["matrix"] = found.counts[np.ix_(occurring, occurring)].tolist()
    content["largest"] = _largest(found)
    return content


def _largest(found: Confusion) -> list[list[int]]:
    """True class, predicted class and count of the most frequent confusions."""
    wrong = found.counts.copy()
    np.fill_diagonal(wrong, 0)
    true, predicted = np.nonzero(wrong)
    counts = wrong[true, predicted]
    order = np.argsort(-counts, kind="stable")[:LARGEST]
    largest = zip(true[order], predicted[order], counts[order], strict=True)
    return [[int(value) for value in each] for each in largest]
