"""Published matrices: what others measured after each experience, as data, and what our metrics
make of it.
"""

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.core.files import parse_json, read_text
from clvl_bench.core.schema import Schema, parse
from clvl_bench.metrics.continual import METRICS, NAN, Accuracies, Matrix, Sizes, weighted_mean


class PublishedRun(Schema):
    """One run of others: accuracies in percent, a row after each experience.

    Args:
        columns: what each column is measured on.
        experiences: how many columns each experience has; one, if left out.
        sizes: how many test images each column has.
        accuracies: the rows; one ends where nothing was measured any more.
        curve: the accuracy over all seen classes after each experience, as printed.
        metrics: those of ours that the authors print under another name or the same.
    """

    benchmark: str
    strategy: str
    backbone: str
    columns: tuple[str, ...] = ()
    experiences: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    accuracies: tuple[tuple[float, ...], ...] = ()
    curve: tuple[float, ...] = ()
    metrics: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _lengths_fit(self) -> Self:
        count = len(self.columns)
        each = self.experiences or (1,) * count
        if self.accuracies and (sum(each) != count or min(each) < 1):
            raise ValueError(f"experiences: do not have the {count} columns between them")
        if self.sizes and (len(self.sizes) != count or min(self.sizes) < 1):
            raise ValueError(f"sizes: got {len(self.sizes)} for {count} columns, each at least 1")
        if self.accuracies and not self.sizes and max(each) > 1:
            raise ValueError("sizes: are missing, and an experience has several columns")
        if len(self.accuracies) > len(each):
            raise ValueError(f"accuracies: has more rows than the {len(each)} experiences")
        if any(len(row) > count for row in self.accuracies):
            raise ValueError(f"accuracies: a row has more than the {count} columns")
        for name in self.metrics:
            if name not in METRICS:
                raise ValueError(f"metrics: {unknown('metric', name, METRICS)}")
        return self

    @property
    def measured(self) -> Accuracies:
        """Its accuracies in percent, as a run of ours has them; NaN for what was not measured, and
        for the untouched backbone, which nobody printed.

        Where the sizes are known, each is the number of images that gives the printed digits.
        """
        ends = np.cumsum(self.experiences or (1,) * len(self.columns))
        sizes = np.array(self.sizes, dtype=np.int64)
        test = np.full((len(ends) + 1, len(ends)), NAN)
        for row, printed in enumerate(self.accuracies, start=1):
            test[row] = _by_experience(np.array(printed), sizes, ends)
        starts = np.concatenate([[0], ends[:-1]]).astype(int)
        return Accuracies(test, sizes=np.add.reduceat(sizes, starts) if len(sizes) else sizes)

    @property
    def figures(self) -> dict[str, float]:
        """Our metrics of it, in percent."""
        return {name: METRICS[name].of(self.measured) for name in self.metrics}


def _by_experience(printed: Matrix, sizes: Sizes, ends: NDArray[np.int64]) -> Matrix:
    """A row of columns as one of experiences; NaN behind its end."""
    row = np.full(len(ends), NAN)
    start = 0
    for number, end in enumerate(ends):
        if end > len(printed):
            break
        if len(sizes):
            counts = np.round(printed[start:end] / 100 * sizes[start:end])
            row[number] = weighted_mean(100 * counts / sizes[start:end], sizes[start:end])
        else:
            (row[number],) = printed[start:end]
        start = end
    return row


class PublishedMatrices(Schema):
    """A file of such runs, and where they were read."""

    source: str = Field(min_length=1)
    runs: tuple[PublishedRun, ...] = Field(min_length=1)


def read_matrices(path: Path) -> PublishedMatrices:
    """A file of published matrices.

    Raises:
        Mistake: it is not there, or none.
    """
    try:
        content = parse_json(read_text(path))
    except (OSError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise Mistake(f"{path}: cannot be read as published matrices ({said})") from None
    if not isinstance(content, dict):
        raise Mistake(f"{path}: is no table of published matrices; give one with source and runs")
    return parse(PublishedMatrices, content, file=str(path))
