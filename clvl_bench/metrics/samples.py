"""Metrics of samples: what is computed from the predictions on one evaluated experience.

Each gives one row of the records an experience and evaluation, under its name in the table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Samples:
    """The samples of one evaluated experience, at least one: predicted classes (-1 for none) and
    true classes, both [n].
    """

    predicted: NDArray[np.int64]
    true: NDArray[np.int64]


def accuracy(samples: Samples) -> float:
    """Share of the samples whose predicted class is the true one."""
    right = int(np.count_nonzero(samples.predicted == samples.true))
    return right / len(samples.true)


SAMPLE_METRICS: dict[str, Callable[[Samples], float]] = {
    "accuracy": accuracy,
}
"""The table of metrics of samples. A new one is a function above and a line here."""
