"""Matrices: the rows of a run as accuracy matrices."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from clvl_bench.metrics.continual import METRICS, Accuracies, Matrix
from clvl_bench.records.rows import Record


@dataclass(frozen=True)
class Matrices(Accuracies):
    """The accuracies of one run, and which datasets its columns are of."""

    test_names: tuple[str, ...] = ()
    heldout_names: tuple[str, ...] = ()

    @property
    def experience_names(self) -> tuple[str, ...]:
        """The dataset or group of each experience, where that tells them apart."""
        several = len(set(self.test_names)) == len(self.test_names) > 1
        return self.test_names if several and all(self.test_names) else ()

    def per_run(self) -> dict[str, float]:
        """Every metric of the table."""
        return {name: metric.of(self) for name, metric in METRICS.items()}


def of_records(records: Iterable[Record]) -> Matrices:
    """The matrices of one run's rows; cells that were not measured are NaN."""
    accuracy = [record for record in records if record.metric == "accuracy"]
    test = [record for record in accuracy if record.stream == "test"]
    heldout = [record for record in accuracy if record.stream == "zeroshot"]
    n_experiences = _count(test)
    sizes = np.zeros(n_experiences, dtype=np.int64)
    test_names = [""] * n_experiences
    for record in test:
        sizes[record.experience] = record.n
        test_names[record.experience] = record.dataset
    heldout_names = {record.experience: record.dataset for record in heldout}
    return Matrices(
        test=_matrix(test, n_experiences, n_experiences),
        heldout=_matrix(heldout, n_experiences, _count(heldout)),
        sizes=sizes,
        test_names=tuple(test_names),
        heldout_names=tuple(heldout_names.values()),
    )


def _count(records: Sequence[Record]) -> int:
    """How many experiences these rows are of; they are numbered from 0."""
    return 1 + max((record.experience for record in records), default=-1)


def _matrix(records: Iterable[Record], n_experiences: int, columns: int) -> Matrix:
    """[n_experiences + 1, columns]"""
    matrix = np.full((n_experiences + 1, columns), np.nan)
    for record in records:
        matrix[record.trained, record.experience] = record.value
    return matrix
