"""Matrices: the rows of a run as accuracy matrices, and the numbers per run that follow from
them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvl_bench.metrics import continual as metrics
from clvl_bench.metrics.continual import METRICS, Matrix
from clvl_bench.records.rows import Record


@dataclass(frozen=True)
class Matrices:
    """R [T + 1, T] on the test stream, H [T + 1, held-out] on the held-out datasets, and their
    columns' names and sizes.
    """

    test: Matrix
    heldout: Matrix
    sizes: NDArray[np.int64]
    test_names: tuple[str, ...]
    heldout_names: tuple[str, ...]

    def per_run(self) -> dict[str, float]:
        """Every metric of the table."""
        return {
            name: metric.of(self.test, self.heldout, self.sizes) for name, metric in METRICS.items()
        }

    def seen_accuracy(self) -> Matrix:
        """[T]: after each experience, accuracy over the test samples of the experiences learned so
        far.
        """
        steps = range(1, len(self.test))
        weights = self.sizes
        return np.array(
            [np.sum(self.test[t, :t] * weights[:t]) / np.sum(weights[:t]) for t in steps]
        )

    def forgetting_so_far(self) -> Matrix:
        """[T]: forgetting after each experience, over those learned so far."""
        return np.array(
            [metrics.forgetting(self.test[: t + 1, :t]) for t in range(1, len(self.test))]
        )


def of_records(records: Iterable[Record]) -> Matrices:
    """The matrices of one run's rows; cells that were not measured are NaN."""
    accuracy = [record for record in records if record.metric == "accuracy"]
    test = [record for record in accuracy if record.stream == "test"]
    heldout = [record for record in accuracy if record.stream == "zeroshot"]
    learned = 1 + max((record.experience for record in test), default=-1)
    sizes = np.zeros(learned, dtype=np.int64)
    names = [""] * learned
    for record in test:
        sizes[record.experience], names[record.experience] = record.n, record.dataset
    return Matrices(
        test=_matrix(test, learned, learned),
        heldout=_matrix(
            heldout, learned, 1 + max((record.experience for record in heldout), default=-1)
        ),
        sizes=sizes,
        test_names=tuple(names),
        heldout_names=tuple({record.experience: record.dataset for record in heldout}.values()),
    )


def _matrix(records: Iterable[Record], learned: int, columns: int) -> Matrix:
    matrix = np.full((learned + 1, columns), np.nan)
    for record in records:
        matrix[record.trained, record.experience] = record.value
    return matrix
