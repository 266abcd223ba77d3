"""Series: a strategy's number after each experience, its mean over runs and the spread of a run.

Both are those of the tables: every class order counts alike, and the spread is from runs that share
neither class order nor seed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvl_bench.metrics.continual import Accuracies, Matrix
from clvl_bench.report.design import RunAt
from clvl_bench.report.figures import PlottedTable

OverTime = Callable[[Accuracies], Matrix]
"""What is shown: a number after each experience [T]."""


@dataclass(frozen=True)
class Series:
    """A strategy over experiences: mean and deviation in percent where they are known."""

    strategy: str
    steps: NDArray[np.int64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def known_series(table: PlottedTable, over_time: OverTime) -> Iterator[Series]:
    """A series for each strategy whose number is defined after some experience."""
    for strategy, runs in table.runs.items():
        values = 100 * np.array([over_time(run) for run in runs])
        mean, std = over_runs(values, table.places_of(strategy))
        known = ~np.isnan(mean)
        if known.any():
            steps = np.arange(1, values.shape[1] + 1)
            yield Series(strategy, steps[known], mean[known], std[known])


def over_runs(values: Matrix, places: Sequence[RunAt]) -> tuple[Matrix, Matrix]:
    """Mean and standard deviation of a single run, of each column [k].

    Args:
        values: [runs, k]; NaN in one run makes the mean NaN.
        places: where each run stands in the design.
    """
    orders = np.array([run.class_order for run in places])
    seeds = np.array([run.seed for run in places])
    means = [values[orders == order].mean(axis=0) for order in np.unique(orders)]
    another_order = orders[:, np.newaxis] != orders
    another_seed = seeds[:, np.newaxis] != seeds
    several_orders, several_seeds = another_order.any(), another_seed.any()
    independent = (another_order | ~several_orders) & (another_seed | ~several_seeds)
    one, other = np.nonzero(np.triu(independent, k=1))
    if not len(one):
        return np.mean(means, axis=0), np.zeros(values.shape[1])
    squares = ((values[one] - values[other]) ** 2).mean(axis=0)
    return np.mean(means, axis=0), np.sqrt(squares / 2)
