"""Statistics: which differences between strategies are larger than chance.

Chance has two sources here: which samples happen to be in the test set, and which seeds and class
orders were drawn. All strategies of a table share both, so that differences are paired. A bootstrap
that draws test samples and runs anew, each with replacement (the pigeonhole bootstrap of Owen 2007,
Annals of Applied Statistics 1), covers both. It counts the noise of single cells three times and
that of few runs too little, so its spread is scaled to the unbiased variance of the crossed design.
With five pairs an exact Wilcoxon test could never reach 0.05; that is why seeds alone are not
tested.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.rng import rng

REPLICATES = 10000
REPLICATES_A_PAIR = 60
"""A p-value from R draws is at least 2 / (R + 1): it must survive Holm's correction over all pairs
of a table, however many."""
LEVEL = 0.05

Correct = NDArray[np.bool_]
"""Right or wrong [runs, test samples] after the last experience; rows and columns are those of
every other strategy."""


@dataclass(frozen=True)
class Difference:
    """Mean accuracy of `a` minus that of `b`, its 95 % interval, and p corrected by Holm over all
    pairs of the table.
    """

    a: str
    b: str
    mean: float
    low: float
    high: float
    p: float
    p_holm: float


def differences(
    correct: Mapping[str, Correct], *, replicates: int | None = None
) -> list[Difference]:
    """Every pair of strategies, compared on the same runs and samples; by as many draws as the
    number of pairs asks for.
    """
    names = list(correct)
    if len(names) < 2:
        return []
    pairs = list(combinations(range(len(names)), 2))
    enough = max(REPLICATES, REPLICATES_A_PAIR * len(pairs))
    draws = resampled_means([correct[name] for name in names], replicates=replicates or enough)
    deltas = [scaled(draws[a] - draws[b], correct[names[a]], correct[names[b]]) for a, b in pairs]
    ps = [two_sided(delta) for delta in deltas]
    found = []
    for (a, b), delta, p, corrected in zip(pairs, deltas, ps, holm(ps), strict=True):
        low, high = np.quantile(delta, (LEVEL / 2, 1 - LEVEL / 2))
        mean = float(correct[names[a]].mean() - correct[names[b]].mean())
        found.append(Difference(names[a], names[b], mean, float(low), float(high), p, corrected))
    return found


def resampled_means(correct: Sequence[Correct], *, replicates: int) -> NDArray[np.float64]:
    """Mean accuracy [strategies, replicates] on the same resampled runs and samples for all of
    them.
    """
    runs, samples = correct[0].shape
    generator = rng("bootstrap", runs, samples)
    by_run = generator.multinomial(runs, np.full(runs, 1 / runs), size=replicates) / runs
    by_sample = (
        generator.multinomial(samples, np.full(samples, 1 / samples), size=replicates) / samples
    ).T
    return np.stack(
        [np.einsum("br,rb->b", by_run, right.astype(np.float64) @ by_sample) for right in correct]
    )


def scaled(draws: NDArray[np.float64], a: Correct, b: Correct) -> NDArray[np.float64]:
    """Resampled differences [replicates], stretched about the observed one to
    `crossed_variance`.
    """
    difference = a.astype(np.float64) - b
    mean, spread = difference.mean(), draws.std()
    wanted = np.sqrt(crossed_variance(difference))
    stretched: NDArray[np.float64] = mean + (draws - draws.mean()) * (
        wanted / spread if spread > 0 else 0.0
    )
    return stretched


def crossed_variance(difference: NDArray[np.float64]) -> float:
    """Unbiased variance of the mean of a [runs, samples] table with random runs, samples and cells.

    From the mean squares of a two-way layout: (runs + samples - cells) / (number of cells), at
    least that of the cells alone. A single run says nothing about runs: only samples count then.
    """
    runs, samples = difference.shape
    if runs == 1 or samples == 1:
        return float(difference.var(ddof=1) / difference.size) if difference.size > 1 else 0.0
    by_run, by_sample = (
        difference.mean(axis=1, keepdims=True),
        difference.mean(axis=0, keepdims=True),
    )
    residual = difference - by_run - by_sample + difference.mean()
    of_runs, of_samples = samples * by_run.var(ddof=1), runs * by_sample.var(ddof=1)
    of_cells = (residual**2).sum() / ((runs - 1) * (samples - 1))
    return float(max(of_runs + of_samples - of_cells, of_cells) / difference.size)


def two_sided(draws: NDArray[np.float64]) -> float:
    """The share of resampled differences on the other side of zero, doubled; never 0 from a finite
    number of draws.
    """
    smaller = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2 * (smaller + 1) / (len(draws) + 1))


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): each p times the number of those not smaller, never below
    an earlier one.
    """
    corrected, largest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        largest = max(largest, min(1.0, ps[place] * (len(ps) - rank)))
        corrected[place] = largest
    return corrected


def letters(means: Mapping[str, float], found: Sequence[Difference]) -> dict[str, str]:
    """Compact letters: strategies that share one cannot be told apart. Letters go down with the
    mean.

    Each letter is a largest set of strategies of which no two differ: a maximal clique, by Bron &
    Kerbosch (1973), pivoted as Tomita, Tanaka & Takahashi (2006) do, since a table whose rows are
    nearly all alike would take exponential time.
    """
    alike: dict[str, set[str]] = {name: set() for name in means}
    for each in found:
        if each.p_holm >= LEVEL:
            alike[each.a].add(each.b)
            alike[each.b].add(each.a)
    cliques: list[set[str]] = []

    def extend(clique: set[str], candidates: set[str], done: set[str]) -> None:
        if not candidates and not done:
            cliques.append(clique)
        pivot = max(
            sorted(candidates | done), key=lambda name: len(alike[name] & candidates), default=""
        )
        for name in sorted(candidates - alike.get(pivot, set())):
            extend(clique | {name}, candidates & alike[name], done & alike[name])
            candidates, done = candidates - {name}, done | {name}

    extend(set(), set(means), set())
    ordered = sorted(
        cliques, key=lambda clique: (-max(means[name] for name in clique), sorted(clique))
    )
    return {
        name: "".join(_letter(rank) for rank, clique in enumerate(ordered) if name in clique)
        for name in means
    }


def _letter(rank: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[rank] if rank < 26 else f"({rank})"
