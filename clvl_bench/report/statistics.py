"""Statistics: which differences between strategies are larger than chance.

Chance has three sources: which class orders were drawn, which seeds, and which samples happen to be
in the test set. All strategies of a table share them, so that differences are paired. `design` says
how sure a mean over such runs is; here is what follows for every pair of a table: an interval, a
p-value, and the smallest difference that would have been seen.

A bootstrap would have to draw whole class orders, and of three orders there are only ten different
draws. So intervals are Student's, on as many degrees of freedom as there are independent draws.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy import special, stats

from clvl_bench.report.design import Estimate, Floats, RunAt, design, estimate
from clvl_bench.report.run_table import Pair, Results, run_table

LEVEL = 0.05
POWER = 0.8
MOST_CLIQUES = 26
"""With more largest sets of alike strategies than letters, fewer sets that say the same are
taken."""
UNKNOWN = float("nan")


@dataclass(frozen=True)
class Difference:
    """Mean accuracy of `a` minus that of `b`, its 95 % interval, and p corrected by Holm over all
    pairs of the table.

    Both have `runs` runs of `orders` class orders in common, and `df` are degrees of freedom. A
    true difference of `detectable` would have had a p below 0.05 in four of five such designs; one
    of `detectable_holm` even where it had to pass the first step of Holm's correction. Without a
    run in common, numbers are NaN.
    """

    a: str
    b: str
    mean: float
    low: float
    high: float
    p: float
    p_holm: float
    runs: int = 0
    orders: int = 0
    df: float = UNKNOWN
    detectable: float = UNKNOWN
    detectable_holm: float = UNKNOWN


@dataclass(frozen=True)
class Interval:
    """A mean, half the width of its 95 % interval, and its degrees of freedom."""

    mean: float
    half: float
    df: float


def differences(results: Results) -> list[Difference]:
    """Every pair of strategies, compared on the runs and samples that both have.

    Raises:
        ValueError: runs have different numbers of test samples.
    """
    table = run_table(results)
    pairs = list(table.pairs())
    compared = [pair for pair in pairs if pair.runs]
    if not compared:
        return [_unknown(pair) for pair in pairs]
    known = Estimate(
        np.array([pair.mean for pair in compared]),
        np.array([pair.variance for pair in compared]),
        np.array([pair.df for pair in compared]),
    )
    half = half_widths(known)
    ps = p_values(known, table.samples)
    corrected = holm(ps.tolist())
    alone = detectable(known, LEVEL)
    among_all = detectable(known, LEVEL / len(compared))
    found = {}
    for place, pair in enumerate(compared):
        found[pair.a, pair.b] = Difference(
            pair.a,
            pair.b,
            mean=pair.mean,
            low=pair.mean - float(half[place]),
            high=pair.mean + float(half[place]),
            p=float(ps[place]),
            p_holm=corrected[place],
            runs=pair.runs,
            orders=pair.orders,
            df=pair.df,
            detectable=float(alone[place]),
            detectable_holm=float(among_all[place]),
        )
    return [found.get((pair.a, pair.b)) or _unknown(pair) for pair in pairs]


def intervals(results: Results) -> dict[str, Interval]:
    """The accuracy of each strategy, over all of its runs, and how sure it is for other orders,
    seeds and samples.
    """
    table = run_table(results)
    found = {}
    for place, name in enumerate(table.names):
        known = table.of_strategy(place)
        half = half_widths(known)
        found[name] = Interval(float(known.mean[0]), float(half[0]), float(known.df[0]))
    return found


def over_streams(values: Sequence[float], runs: Sequence[RunAt]) -> Interval:
    """The mean of one number a run, and how sure it is for other class orders and seeds on the same
    test set.

    One run says nothing about others: its interval is NaN.
    """
    known = estimate(design(runs), np.array([values], dtype=np.float64))
    if len(runs) < 2:
        return Interval(float(known.mean[0]), UNKNOWN, UNKNOWN)
    return Interval(float(known.mean[0]), float(half_widths(known)[0]), float(known.df[0]))


def half_widths(known: Estimate) -> Floats:
    """Half the width of Student's interval [k]."""
    widths: Floats = stats.t.ppf(1 - LEVEL / 2, known.df) * np.sqrt(known.variance)
    return widths


def p_values(known: Estimate, samples: int) -> Floats:
    """Two-sided p of no difference [k].

    Where every sample of every run has the same difference there is no variance: then p is the sign
    test's.
    """
    certain = known.variance <= 0
    scale = np.sqrt(np.where(certain, 1.0, known.variance))
    tested = 2 * stats.t.sf(np.abs(known.mean) / scale, known.df)
    agreed = np.where(known.mean == 0, 1.0, min(1.0, 2.0 ** (1 - samples)))
    ps: Floats = np.where(certain, agreed, tested)
    return ps


def detectable(known: Estimate, level: float) -> Floats:
    """The smallest true difference that a t-test at this level finds with a power of 0.8 [k].

    From the non-central t distribution; findings on the wrong side are not counted as found.
    """
    critical = stats.t.isf(level / 2, known.df)
    smallest: Floats = special.nctdtrinc(known.df, 1 - POWER, critical) * np.sqrt(known.variance)
    return smallest


def _unknown(pair: Pair) -> Difference:
    return Difference(pair.a, pair.b, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)


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

    Each letter is a largest set of strategies of which no two differ: a maximal clique. There can
    be exponentially many of them: then letters are those of cliques that together hold every pair,
    which says the same with fewer. A pair that could not be compared is not told apart.
    """
    alike: dict[str, set[str]] = {name: set() for name in means}
    for each in found:
        if not each.p_holm < LEVEL:  # NaN is no finding either
            alike[each.a].add(each.b)
            alike[each.b].add(each.a)
    cliques = list(islice(_maximal_cliques(alike, set(), set(means), set()), MOST_CLIQUES + 1))
    if len(cliques) > MOST_CLIQUES:
        by_mean = sorted(means, key=lambda name: (-means[name], name))
        cliques = _covering_cliques(alike, by_mean)
    ordered = sorted(
        cliques, key=lambda clique: (-max(means[name] for name in clique), sorted(clique))
    )
    return {
        name: "".join(_letter(rank) for rank, clique in enumerate(ordered) if name in clique)
        for name in means
    }


def _maximal_cliques(
    alike: Mapping[str, set[str]], clique: set[str], candidates: set[str], done: set[str]
) -> Iterator[set[str]]:
    """By Bron & Kerbosch (1973), pivoted as Tomita, Tanaka & Takahashi (2006) do: else a table
    whose rows are nearly all alike would take exponential time.
    """
    if not candidates and not done:
        yield clique
    pivot = max(
        sorted(candidates | done), key=lambda name: len(alike[name] & candidates), default=""
    )
    for name in sorted(candidates - alike.get(pivot, set())):
        yield from _maximal_cliques(
            alike, clique | {name}, candidates & alike[name], done & alike[name]
        )
        candidates = candidates - {name}
        done = done | {name}


def _covering_cliques(alike: Mapping[str, set[str]], names: Sequence[str]) -> list[set[str]]:
    """Cliques that hold every name and every alike pair (Gramm et al. 2007: letters as a cover).

    Each begins with a pair that no earlier one holds, and grows by whoever brings most such pairs.
    """
    missing = {name: set(alike[name]) for name in names}
    cliques: list[set[str]] = []
    for name in names:
        if not alike[name]:
            cliques.append({name})
        for other in names:
            if other in missing[name]:
                clique = _grown({name, other}, alike, missing)
                for member in clique:
                    missing[member] -= clique
                cliques.append(clique)
    return cliques


def _grown(
    clique: set[str], alike: Mapping[str, set[str]], missing: Mapping[str, set[str]]
) -> set[str]:
    """A maximal clique around this one."""
    candidates = set.intersection(*(alike[name] for name in clique))
    while candidates:
        best = max(sorted(candidates), key=lambda name: len(missing[name] & clique))
        clique = clique | {best}
        candidates = candidates & alike[best]
    return clique


def _letter(rank: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[rank] if rank < 26 else f"({rank})"
