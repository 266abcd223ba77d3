"""Run table: which test samples every run of every strategy had right, and what follows for each
pair of strategies.

Memory grows with runs times samples, and with runs times runs; never with pairs times samples.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvl_bench.report.design import Estimate, Floats, RunAt, design, estimate

EXACT = 2**24
"""Counts below this are exact in single precision."""

Correct = NDArray[np.bool_]
"""Right or wrong of one run after the last experience [test samples], in an order that all runs of
a table share."""
Results = Mapping[str, Mapping[RunAt, Correct]]
"""The runs of each strategy. Strategies may lack runs that others have."""


@dataclass(frozen=True)
class Pair:
    """Mean accuracy of `a` minus that of `b` over the runs that both have, its variance and degrees
    of freedom.
    """

    a: str
    b: str
    mean: float
    variance: float
    df: float
    runs: int
    orders: int


@dataclass(frozen=True)
class RunTable:
    """`right` [strategies, runs, samples], `has` [strategies, runs], `means` [strategies, runs].

    A run that a strategy lacks is a row of zeros that is never looked at.
    """

    names: tuple[str, ...]
    runs: tuple[RunAt, ...]
    right: NDArray[np.floating]
    has: NDArray[np.bool_]
    means: Floats

    @property
    def samples(self) -> int:
        return int(self.right.shape[2])

    def of_strategy(self, place: int) -> Estimate:
        """The accuracy of one strategy over all of its runs."""
        mask = self.has[place]
        covariance = self._covariances(place, slice(place, place + 1))[:, :, mask][:, mask]
        means = self.means[place : place + 1, mask]
        return estimate(design(self._named(mask)), means, covariance, self.samples)

    def pairs(self) -> Iterator[Pair]:
        """Every pair of strategies, in the order of names; NaN without runs in common."""
        everyone = range(len(self.names))
        own = [self._covariances(place, slice(place, place + 1))[0] for place in everyone]
        for first in everyone[:-1]:
            yield from self._against_later(first, np.stack(own[first:]))

    def _against_later(self, first: int, own: Floats) -> list[Pair]:
        """One strategy against all later ones; at once those that share the same runs with it."""
        later = slice(first + 1, None)
        cross = self._covariances(first, later)
        covariance = (own[0] + own[1:]) - (cross + cross.transpose(0, 2, 1))
        means = self.means[first] - self.means[later]
        masks, group = np.unique(self.has[first] & self.has[later], axis=0, return_inverse=True)
        found: dict[int, Pair] = {}
        for number, mask in enumerate(masks):
            members = np.flatnonzero(group.ravel() == number)
            runs = self._named(mask)
            orders = len({run.class_order for run in runs})
            if runs:
                between = covariance[members][:, :, mask][:, mask]
                known = estimate(design(runs), means[members][:, mask], between, self.samples)
            else:
                unknown = np.full(len(members), np.nan)
                known = Estimate(unknown, unknown, unknown)
            for place, member in enumerate(members.tolist()):
                found[member] = Pair(
                    self.names[first],
                    self.names[first + 1 + member],
                    mean=float(known.mean[place]),
                    variance=float(known.variance[place]),
                    df=float(known.df[place]),
                    runs=len(runs),
                    orders=orders,
                )
        return [found[member] for member in sorted(found)]

    def _covariances(self, one: int, others: slice) -> Floats:
        """Over test samples, of each run of one strategy with each of others' [others, runs,
        runs].
        """
        several = self.right[others]
        both_right = self.right[one] @ several.reshape(-1, self.samples).T
        counts = both_right.reshape(len(self.runs), len(several), len(self.runs))
        # The same product either way round, to the last bit: equal strategies then differ by 0.
        products = self.means[one][:, np.newaxis, np.newaxis] * self.means[others][np.newaxis]
        covariance = (counts - self.samples * products) / max(self.samples - 1, 1)
        by_strategy: Floats = covariance.transpose(1, 0, 2)
        return by_strategy

    def _named(self, mask: NDArray[np.bool_]) -> list[RunAt]:
        return [run for run, known in zip(self.runs, mask, strict=True) if known]


def run_table(results: Results) -> RunTable:
    """The table of these runs.

    Raises:
        ValueError: runs have different numbers of test samples.
    """
    names = tuple(results)
    runs = tuple(sorted({run for of_strategy in results.values() for run in of_strategy}))
    samples = _samples(results)
    # A matrix product of single-precision zeros and ones counts exactly, in half the memory and
    # time of double precision.
    kind = np.float32 if samples < EXACT else np.float64
    right = np.zeros((len(names), len(runs), samples), dtype=kind)
    has = np.zeros((len(names), len(runs)), dtype=np.bool_)
    for row, name in enumerate(names):
        for column, run in enumerate(runs):
            if run in results[name]:
                right[row, column] = results[name][run]
                has[row, column] = True
    means = right.sum(axis=2, dtype=np.float64) / max(samples, 1)
    return RunTable(names, runs, right, has, means)


def _samples(results: Results) -> int:
    lengths = {len(right) for of_strategy in results.values() for right in of_strategy.values()}
    if len(lengths) > 1:
        raise ValueError(
            f"runs of one table have {sorted(lengths)} test samples; give all the same ones"
        )
    return lengths.pop() if lengths else 0
