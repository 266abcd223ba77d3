"""Streams: the windowed rows of online runs: numbers per run, and lines over time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvl_bench.metrics.continual import Matrix
from clvl_bench.metrics.online import STREAM, over_windows
from clvl_bench.records.rows import Record


@dataclass(frozen=True)
class Line:
    """A value over the windows of a stream, and the number of samples (or steps) behind each
    [windows].
    """

    values: Matrix
    sizes: NDArray[np.int64]

    @property
    def mean(self) -> float:
        return over_windows(self.values, self.sizes)


def lines(records: Iterable[Record]) -> dict[str, Line]:
    """The lines of one run, by metric; none for a run that is not online."""
    rows: dict[str, list[Record]] = {}
    for record in records:
        if record.stream == "train" and record.experience >= 0:
            rows.setdefault(record.metric, []).append(record)
    return {metric: _line(found) for metric, found in rows.items()}


def _line(records: Sequence[Record]) -> Line:
    values = np.array([record.value for record in records])
    return Line(values, np.array([record.n for record in records]))


def shared_windows(values: Sequence[Matrix]) -> Matrix:
    """Values of several streams in the windows that all of them have [streams, windows]: streams
    of other class orders may be a window longer.
    """
    shortest = min(len(each) for each in values)
    return np.stack([each[:shortest] for each in values])


def stream_numbers(records: Sequence[Record]) -> dict[str, float]:
    """Every stream metric that a run has rows of."""
    found = lines(records)
    counts = {}
    for record in records:
        if record.stream == "train" and record.experience < 0:
            counts[record.metric] = record.value
    numbers = {}
    # Rates first, then counts: the order of the columns.
    for name, metric in STREAM.items():
        if metric.rate and name in found:
            numbers[name] = found[name].mean
    for name, metric in STREAM.items():
        if not metric.rate and name in counts:
            numbers[name] = counts[name]
    return numbers
