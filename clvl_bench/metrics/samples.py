"""Metrics of samples: what is computed from the predictions on one evaluated experience.

Each gives one row of the records an experience and evaluation, under its name in the table:
accuracy always, the others where a benchmark asks for them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvl_bench.metrics import classes
from clvl_bench.metrics.classes import Confusion, confusion
from clvl_bench.metrics.continual import NAN
from clvl_bench.metrics.scores import auc, calibration_error


@dataclass(frozen=True)
class Samples:
    """The samples of one evaluated experience, at least one.

    `predicted` (-1 for none) and `true` are classes [n]; `confidence` is the probability of the
    predicted class among the candidates [n], None where nobody recorded it. Where every sample has
    two candidates, `positive` are the classes that are the second of two.
    """

    predicted: NDArray[np.int64]
    true: NDArray[np.int64]
    confidence: NDArray[np.float32] | None = None
    positive: tuple[int, ...] = ()

    @property
    def of_all_classes(self) -> Confusion:
        """The confusion of every class that occurs."""
        most = max(int(self.predicted.max()), int(self.true.max()))
        return confusion(self.predicted, self.true, max(most, 0) + 1)

    @property
    def of_two_classes(self) -> Confusion:
        """The confusion of the first class (0) and the second (1), whichever dataset they are
        of.
        """
        said = np.where(self.predicted < 0, -1, np.isin(self.predicted, self.positive))
        return confusion(said, np.isin(self.true, self.positive).astype(np.int64), 2)


def accuracy(samples: Samples) -> float:
    """Share of the samples whose predicted class is the true one."""
    right = int(np.count_nonzero(samples.predicted == samples.true))
    return right / len(samples.true)


def balanced_accuracy(samples: Samples) -> float:
    """Mean sensitivity of the classes that have samples."""
    return classes.balanced_accuracy(samples.of_all_classes)


def macro_f1(samples: Samples) -> float:
    """Mean F1 of the classes that have samples or were said."""
    return classes.macro_f1(samples.of_all_classes)


def expected_calibration_error(samples: Samples) -> float:
    """ECE over the samples that have a prediction; NaN where no confidence was recorded."""
    if samples.confidence is None:
        return NAN
    said = samples.predicted >= 0
    right = samples.predicted[said] == samples.true[said]
    return calibration_error(samples.confidence[said], right)


def area_under_roc(samples: Samples) -> float:
    """AUC of the second class; NaN where no confidence was recorded, or a class has no sample."""
    if samples.confidence is None:
        return NAN
    confidence = samples.confidence.astype(np.float64)
    said_positive = np.isin(samples.predicted, samples.positive)
    # Of two candidates the other one has the rest of the probability.
    scores = np.where(said_positive, confidence, 1 - confidence)
    return auc(scores, np.isin(samples.true, samples.positive))


def sensitivity(samples: Samples) -> float:
    """Share of the samples of the second class that were recognised."""
    return float(classes.sensitivity(samples.of_two_classes)[1])


def specificity(samples: Samples) -> float:
    """Share of the samples of the first class that were not taken for the second."""
    return float(classes.specificity(samples.of_two_classes)[1])


def f1(samples: Samples) -> float:
    """F1 of the second class."""
    return float(classes.f1(samples.of_two_classes)[1])


@dataclass(frozen=True)
class SampleMetric:
    """A number per evaluated experience: its column title, which way is better (+1 or -1), the
    function that computes it, and whether it is defined for two candidates alone.
    """

    title: str
    better: int
    of: Callable[[Samples], float]
    two_classes: bool = False


ALWAYS = "accuracy"
"""What every run records; all else is arithmetic on it."""

SAMPLE_METRICS: dict[str, SampleMetric] = {
    ALWAYS: SampleMetric("Accuracy", +1, accuracy),
    "balanced_accuracy": SampleMetric("Balanced accuracy", +1, balanced_accuracy),
    "macro_f1": SampleMetric("Macro F1", +1, macro_f1),
    "ece": SampleMetric("ECE", -1, expected_calibration_error),
    "auc": SampleMetric("AUC", +1, area_under_roc, two_classes=True),
    "sensitivity": SampleMetric("Sensitivity", +1, sensitivity, two_classes=True),
    "specificity": SampleMetric("Specificity", +1, specificity, two_classes=True),
    "f1": SampleMetric("F1", +1, f1, two_classes=True),
}
"""The table of metrics of samples. A new one is a function above and a line here."""

FURTHER = tuple(name for name in SAMPLE_METRICS if name != ALWAYS)
"""Those that a benchmark may ask for."""
