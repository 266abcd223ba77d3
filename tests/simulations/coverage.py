"""How often intervals hold the truth: `python tests/simulations/coverage.py`, some minutes.

Two strategies are simulated whose true difference is known, in designs as experiments have them;
each simulated table is given to the report's own statistics, and to two schemes that they were
chosen over:

- exchangeable: every run is an independent draw (a pigeonhole bootstrap of runs and samples, in
  the limit of many draws);
- order means: Student's t on the means of class orders, with test samples taken as given.

A 95 % interval should hold the truth in 95 of 100 tables. Width is that of the interval in points
of accuracy; power is how often a difference of 5 points has p below 0.05.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from clvl_bench.report.design import RunAt
from clvl_bench.report.run_table import Results
from clvl_bench.report.statistics import differences

TRUTH = 0.05
Interval = tuple[float, float]


@dataclass(frozen=True)
class World:
    """What draws do to the difference: standard deviations, in accuracy, of each kind of effect.

    A strategy answers most samples alike in all of its runs. `answers_by_order` is the share of
    samples whose answer the order draws anew, `answers_by_run` the share that each run draws anew;
    a deterministic strategy has the same answers for every seed.
    """

    name: str
    runs: tuple[RunAt, ...]
    order: float = 0.03
    seed: float = 0.0
    interaction: float = 0.0
    answers_by_order: float = 0.2
    answers_by_run: float = 0.1
    deterministic: bool = False
    missing: tuple[RunAt, ...] = ()
    samples: int = 400


def crossed(orders: int, seeds: int) -> tuple[RunAt, ...]:
    return tuple(RunAt(order, seed) for order in range(orders) for seed in range(seeds))


def one_seed_each(orders: int) -> tuple[RunAt, ...]:
    return tuple(RunAt(order, order) for order in range(orders))


LACKING = (RunAt(0, 1), RunAt(0, 2), RunAt(2, 2), RunAt(3, 0), RunAt(4, 1))
WORLDS = (
    World("crossed orders and seeds, interaction", crossed(3, 3), seed=0.02, interaction=0.02),
    World("three orders", one_seed_each(3), interaction=0.02),
    World("unequal n", crossed(5, 3), seed=0.02, interaction=0.02, missing=LACKING),
    World("a deterministic method", crossed(3, 3), deterministic=True),
)
"""The designs that have to hold: coverage from 93 to 97 %."""
BESIDE = (
    World("nine orders, one seed each", one_seed_each(9), interaction=0.02),
    replace(WORLDS[0], name="crossed, 4,000 test samples", samples=4000),
    replace(WORLDS[3], name="deterministic, 4,000 test samples", samples=4000),
    World("nine orders, 4,000 test samples", one_seed_each(9), interaction=0.02, samples=4000),
    World("one order, three seeds", crossed(1, 3), order=0.0, interaction=0.03),
    World("three by three, seeds decide", crossed(3, 3), order=0.0, seed=0.03),
    World("three by three, interaction alone", crossed(3, 3), order=0.0, interaction=0.03),
    World("three by three, samples alone", crossed(3, 3), order=0.0),
    World("one run", crossed(1, 1), order=0.0, answers_by_order=0.0, answers_by_run=0.0),
)
"""Others, to see where the scheme bends."""


def simulate(world: World, generator: np.random.Generator) -> Results:
    """`a` is better than `b` by TRUTH; effects are small enough that no chance leaves 0 to 1."""
    hardness = generator.uniform(0.35, 0.6, world.samples)
    answers = generator.random((2, world.samples))
    orders = sorted({run.class_order for run in world.runs})
    seeds = sorted({run.seed for run in world.runs})
    of_order = {order: generator.normal(0, world.order) for order in orders}
    of_seed = {seed: generator.normal(0, world.seed) for seed in seeds}
    in_order = {order: redrawn(answers, world.answers_by_order, generator) for order in orders}
    a, b = {}, {}
    for run in world.runs:
        effect = of_order[run.class_order] + of_seed[run.seed]
        drawn = in_order[run.class_order]
        if not world.deterministic:
            effect += generator.normal(0, world.interaction)
            drawn = redrawn(drawn, world.answers_by_run, generator)
        if run not in world.missing:
            a[run] = drawn[0] < hardness + TRUTH + effect
        b[run] = drawn[1] < hardness
    return {"a": a, "b": b}


def redrawn(
    answers: NDArray[np.float64], share: float, generator: np.random.Generator
) -> NDArray[np.float64]:
    """The answers [2, samples], about this share of them drawn anew."""
    anew = generator.random(answers.shape) < share
    return np.where(anew, generator.random(answers.shape), answers)


def ours(results: Results) -> Interval:
    (found,) = differences(results)
    return found.low, found.high


def exchangeable(results: Results) -> Interval:
    difference = shared(results)[1]
    half = stats.norm.ppf(0.975) * np.sqrt(crossed_variance(difference))
    return float(difference.mean() - half), float(difference.mean() + half)


def order_means(results: Results) -> Interval:
    runs, difference = shared(results)
    orders = np.array([run.class_order for run in runs])
    if len(set(orders)) == 1:
        orders = np.array([run.seed for run in runs])
    means = [difference[orders == order].mean() for order in sorted(set(orders))]
    if len(means) == 1:
        return float("nan"), float("nan")
    half = stats.t.ppf(0.975, len(means) - 1) * stats.sem(means)
    return float(np.mean(means) - half), float(np.mean(means) + half)


def shared(results: Results) -> tuple[list[RunAt], NDArray[np.float64]]:
    """The runs that both have, and their difference [runs, samples]."""
    a, b = results["a"], results["b"]
    runs = sorted(set(a) & set(b))
    return runs, np.array([a[run].astype(np.float64) - b[run] for run in runs])


def crossed_variance(difference: NDArray[np.float64]) -> float:
    """Variance of the mean of a [runs, samples] table whose runs are all independent."""
    runs, samples = difference.shape
    if runs == 1:
        return float(difference.var(ddof=1) / difference.size)
    by_run = difference.mean(axis=1, keepdims=True)
    by_sample = difference.mean(axis=0, keepdims=True)
    residual = difference - by_run - by_sample + difference.mean()
    of_runs = samples * by_run.var(ddof=1)
    of_samples = runs * by_sample.var(ddof=1)
    of_cells = (residual**2).sum() / ((runs - 1) * (samples - 1))
    return float(max(of_runs + of_samples - of_cells, of_cells) / difference.size)


SCHEMES: dict[str, Callable[[Results], Interval]] = {
    "the report's": ours,
    "exchangeable": exchangeable,
    "order means": order_means,
}


@dataclass(frozen=True)
class Score:
    """In percent, and width in points of accuracy."""

    coverage: float
    width: float
    power: float


def scores(world: World, tables: int, seed: int = 0) -> dict[str, Score]:
    """How each scheme does on so many simulated tables."""
    generator = np.random.default_rng(seed)
    ends: dict[str, list[Interval]] = {name: [] for name in SCHEMES}
    for _ in range(tables):
        results = simulate(world, generator)
        for name, scheme in SCHEMES.items():
            ends[name].append(scheme(results))
    found = {}
    for name, pairs in ends.items():
        low, high = np.array(pairs).T
        covered = (low <= TRUTH) & (high >= TRUTH)
        told_apart = (low > 0) | (high < 0)
        width = 100 * (high - low).mean()
        found[name] = Score(100 * covered.mean(), float(width), 100 * told_apart.mean())
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=int, default=4000)
    asked = parser.parse_args()
    print(f"{asked.tables} tables a line; coverage %, mean width in points, power % at 5 points")
    print(f"{'':50s}" + "".join(f"{name:>22s}" for name in SCHEMES))
    for world in (*WORLDS, *BESIDE):
        has_effects = max(world.order, world.seed, world.interaction) > 0
        for size, factor in (("", 1.0), (", small effects", 1 / 3))[: 1 + has_effects]:
            small = replace(
                world,
                order=world.order * factor,
                seed=world.seed * factor,
                interaction=world.interaction * factor,
            )
            found = scores(small, asked.tables)
            cells = [
                f"{one.coverage:5.1f} {one.width:5.1f} {one.power:5.1f}" for one in found.values()
            ]
            print(f"{world.name + size:50s}" + "".join(f"{cell:>22s}" for cell in cells))


if __name__ == "__main__":
    main()
