"""Statistics against scipy, closed forms, limit cases and simulations whose truth is known."""

import tracemalloc
from itertools import combinations
from pathlib import Path

import networkx
import numpy as np
import pytest
from scipy import stats
from simulations.coverage import WORLDS, crossed, one_seed_each, scores

from clvl_bench.report import statistics
from clvl_bench.report.design import RunAt, design, estimate, independent_spread
from clvl_bench.report.statistics import (
    Difference,
    detectable,
    differences,
    holm,
    intervals,
    letters,
    over_streams,
)

UNEVEN = (RunAt(0, 0), RunAt(1, 0), RunAt(1, 1), RunAt(2, 0), RunAt(2, 1), RunAt(2, 2), RunAt(3, 7))
"""Four orders of one, two, three and one seeds."""


def test_holm_on_its_textbook_example():
    # Holm 1979: p times the number of those not smaller, never below an earlier one.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_agrees_with_statsmodels():
    """Numbers of statsmodels 0.14, multipletests(method="holm")."""
    ps = [0.0021, 0.0004, 0.03, 0.2, 0.011, 0.049, 0.6, 0.0075]
    assert holm(ps) == pytest.approx([0.0147, 0.0032, 0.12, 0.4, 0.055, 0.147, 0.6, 0.045])


def test_holm_keeps_order_and_stays_at_most_one():
    ps = np.random.default_rng(0).random(20).tolist()
    corrected = holm(ps)
    assert max(corrected) <= 1.0
    assert np.argsort(ps).tolist() == np.lexsort((ps, corrected)).tolist()


def of_runs(table, runs):
    """Results of one strategy from an array [runs, samples]."""
    return dict(zip(runs, table, strict=True))


def right_or_wrong(runs, rate, seed=0, samples=300):
    generator = np.random.default_rng(seed)
    return of_runs(generator.random((len(runs), samples)) < rate, runs)


def components(runs, *, order, seed, interaction):
    """Covariance matrix of runs with these variances of order, seed and interaction."""
    orders = np.array([run.class_order for run in runs])
    seeds = np.array([run.seed for run in runs])
    same_order = orders[:, np.newaxis] == orders
    same_seed = seeds[:, np.newaxis] == seeds
    return order * same_order + seed * same_seed + interaction * np.eye(len(runs))


def test_one_run_is_the_paired_t_test_over_samples():
    generator = np.random.default_rng(5)
    a = generator.random(400) < 0.7
    b = a ^ (generator.random(400) < np.where(a, 0.15, 0.2))
    (found,) = differences({"a": {RunAt(0, 0): a}, "b": {RunAt(0, 0): b}})
    expected = stats.ttest_rel(a.astype(float), b.astype(float))
    ends = expected.confidence_interval()
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.df == pytest.approx(399)


def test_one_run_agrees_with_a_bootstrap_of_samples():
    runs = [RunAt(0, 0)]
    results = {"a": right_or_wrong(runs, 0.7, seed=1), "b": right_or_wrong(runs, 0.6, seed=2)}
    (found,) = differences(results)
    difference = results["a"][runs[0]].astype(float) - results["b"][runs[0]]
    draws = np.random.default_rng(3).integers(0, 300, (20_000, 300))
    expected = np.quantile(difference[draws].mean(axis=1), (0.025, 0.975))
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.005)


def test_nine_orders_with_a_seed_each_are_nine_draws():
    values = np.random.default_rng(1).normal(0.6, 0.05, 9)
    found = over_streams(values.tolist(), one_seed_each(9))
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert found.df == pytest.approx(8)
    assert found.half == pytest.approx((expected.high - expected.low) / 2)


def test_equal_by_seed_runs_of_three_orders_are_three_draws():
    """A deterministic method: nine runs, two degrees of freedom."""
    values = [0.61, 0.65, 0.72]
    runs = crossed(3, 3)
    found = over_streams([values[run.class_order] for run in runs], runs)
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert found.df == pytest.approx(2)
    assert found.half == pytest.approx((expected.high - expected.low) / 2)
    assert independent_spread([values[run.class_order] for run in runs], runs) == pytest.approx(
        np.std(values, ddof=1)
    )


@pytest.mark.parametrize("value", [0.0, 0.1, 0.7, 1 / 3, 1e6])
def test_runs_that_agree_have_no_spread(value):
    """Whatever rounding does to a mean of equal numbers; a warning would be an error."""
    found = over_streams([value] * 9, crossed(3, 3))
    assert found.half == pytest.approx(0.0, abs=1e-6)


def test_one_order_leaves_seeds_as_draws():
    values = [0.61, 0.65, 0.72]
    found = over_streams(values, crossed(1, 3))
    assert found.half == pytest.approx(stats.t.ppf(0.975, 2) * stats.sem(values))


def test_one_run_says_nothing_about_others():
    assert np.isnan(over_streams([0.6], [RunAt(0, 0)]).half)
    assert np.isnan(independent_spread([0.6], [RunAt(0, 0)]))


def test_a_crossed_design_has_the_variance_of_its_analysis_of_variance():
    """(MS of orders + MS of seeds - MS of interaction) / runs, where both parts are above zero."""
    generator = np.random.default_rng(4)
    values = generator.normal(0, 1, (4, 1)) + generator.normal(0, 1, (1, 3))
    values = values + generator.normal(0, 0.2, (4, 3))
    of_order = values.mean(axis=1, keepdims=True)
    of_seed = values.mean(axis=0, keepdims=True)
    rest = values - of_order - of_seed + values.mean()
    ms_orders = 3 * of_order.var(ddof=1)
    ms_seeds = 4 * of_seed.var(ddof=1)
    ms_rest = (rest**2).sum() / 6
    found = estimate(design(crossed(4, 3)), values.reshape(1, 12))
    assert found.variance[0] == pytest.approx((ms_orders + ms_seeds - ms_rest) / 12)


@pytest.mark.parametrize("runs", [crossed(3, 3), crossed(5, 2), one_seed_each(4), UNEVEN])
@pytest.mark.parametrize("parts", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.3, 0.2, 0.5)])
def test_the_variance_is_unbiased_whatever_runs_are_missing(runs, parts):
    """E[m' Q m] is the trace of Q times the covariance of m; the mean's own variance is w' C w."""
    covariance = components(runs, order=parts[0], seed=parts[1], interaction=parts[2])
    plan = design(runs)
    expected = plan.weights @ covariance @ plan.weights
    estimated = np.trace((plan.by_order + plan.between_orders) @ covariance)
    assert estimated == pytest.approx(expected)


def test_class_orders_count_alike_however_many_seeds_they_have():
    values = [1.0, 2.0, 4.0, 3.0, 5.0, 7.0, 9.0]
    assert over_streams(values, UNEVEN).mean == pytest.approx((1 + 3 + 5 + 9) / 4)


def test_the_spread_of_a_run_is_unbiased_where_runs_share_orders_and_seeds():
    """The usual formula misses what runs have in common: here a third of the variance."""
    generator = np.random.default_rng(6)
    chances = components(crossed(3, 3), order=1.0, seed=0.5, interaction=0.5)
    drawn = generator.multivariate_normal(np.zeros(9), chances, size=4000)
    ours = [independent_spread(row, crossed(3, 3)) ** 2 for row in drawn.tolist()]
    assert np.mean(ours) == pytest.approx(2.0, rel=0.05)
    assert drawn.var(axis=1, ddof=1).mean() < 1.7


def test_identical_strategies_differ_by_nothing():
    right = right_or_wrong(crossed(3, 3), 0.7)
    (same,) = differences({"a": right, "b": dict(right)})
    assert (same.mean, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)


def test_equal_by_seed_runs_have_intervals_whatever_rounding_makes_of_their_spread():
    generator = np.random.default_rng(9)
    runs = crossed(3, 3)
    for _ in range(50):
        by_order = generator.random((2, 3, 700)) < 0.6
        a, b = ({run: right[run.class_order] for run in runs} for right in by_order)
        (found,) = differences({"a": a, "b": b})
        once = {run: by_order[:, run.class_order] for run in crossed(3, 1)}
        (alone,) = differences(
            {
                "a": {run: two[0] for run, two in once.items()},
                "b": {run: two[1] for run, two in once.items()},
            }
        )
        assert (found.low, found.high, found.df) == pytest.approx((alone.low, alone.high, alone.df))


def test_where_all_samples_agree_p_is_the_sign_tests():
    runs = crossed(2, 1)
    (found,) = differences(
        {"a": right_or_wrong(runs, 2, samples=8), "b": right_or_wrong(runs, -1, samples=8)}
    )
    assert found.mean == 1.0
    assert found.p == pytest.approx(stats.binomtest(8, 8).pvalue)


def test_a_shift_of_both_strategies_moves_no_interval():
    """Paired: what an order does to both of them is no difference."""
    generator = np.random.default_rng(7)
    b = {run: generator.random(500) < 0.1 + 0.3 * run.class_order for run in crossed(3, 1)}
    a = {run: right ^ (np.arange(500) % 25 == 0) for run, right in b.items()}
    (found,) = differences({"a": a, "b": b})
    assert found.high - found.low < 0.1
    assert intervals({"a": a, "b": b})["a"].half > 0.3


def test_pairs_are_compared_on_the_runs_that_both_have():
    results = {
        "a": right_or_wrong(crossed(3, 3), 0.7, seed=1),
        "b": right_or_wrong(crossed(3, 1), 0.7, seed=2),
        "c": right_or_wrong(crossed(2, 3), 0.7, seed=3),
    }
    found = {(each.a, each.b): each for each in differences(results)}
    counts = {names: (each.runs, each.orders) for names, each in found.items()}
    assert counts == {("a", "b"): (3, 3), ("a", "c"): (6, 2), ("b", "c"): (2, 2)}
    few = {name: {run: results[name][run] for run in crossed(3, 1)} for name in ("a", "b")}
    (alone,) = differences(few)
    assert found["a", "b"].low == pytest.approx(alone.low), "other strategies change no interval"


def test_strategies_without_a_run_in_common_are_not_told_apart():
    results = {
        "a": right_or_wrong([RunAt(0, 0), RunAt(1, 0)], 0.9),
        "b": right_or_wrong([RunAt(2, 0), RunAt(3, 0)], 0.1),
        "c": right_or_wrong([RunAt(0, 0), RunAt(1, 0)], 0.1),
    }
    found = differences(results)
    assert [each.runs for each in found] == [0, 2, 0]
    assert np.isnan(found[0].p_holm)
    assert found[1].p_holm == found[1].p, "pairs that are not compared cost nothing"
    shared = letters({"a": 0.9, "b": 0.1, "c": 0.1}, found)
    assert set(shared["a"]) & set(shared["b"])


def test_runs_on_other_samples_are_refused():
    runs = crossed(2, 1)
    with pytest.raises(ValueError, match="have \\[30, 40\\] test samples"):
        differences(
            {"a": right_or_wrong(runs, 0.5, samples=30), "b": right_or_wrong(runs, 0.5, samples=40)}
        )


def test_a_difference_that_is_detectable_is_found_four_times_in_five():
    """Against the power of scipy's t-test on normal draws."""
    generator = np.random.default_rng(8)
    known = estimate(design(one_seed_each(9)), generator.normal(0, 1, (1, 9)))
    errors = known._replace(variance=np.array([1 / 9]))
    (smallest,) = detectable(errors, 0.05)
    drawn = generator.normal(smallest, 1, (20_000, 9))
    tested = stats.ttest_1samp(drawn, 0, axis=1)
    assert np.mean((tested.pvalue < 0.05) & (tested.statistic > 0)) == pytest.approx(0.8, abs=0.01)
    assert detectable(errors, 0.05 / 45)[0] > smallest


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_intervals_hold_the_truth_as_often_as_they_say(world):
    """A small sample of tests/simulations/coverage.py; two standard errors wide of 93 to 97 %."""
    found = scores(world, 250, seed=1)
    assert 90 <= found["the report's"].coverage <= 99.5
    assert found["the report's"].coverage > found["exchangeable"].coverage


def test_memory_does_not_grow_with_pairs_times_samples():
    results = {f"s{n}": right_or_wrong(crossed(5, 1), 0.5, seed=n, samples=4000) for n in range(30)}
    table = 30 * 5 * 4000 * 4  # one single-precision number a run and sample
    tracemalloc.start()
    differences(results)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * table


def pair(a: str, b: str, p: float) -> Difference:
    return Difference(a, b, 0.0, 0.0, 0.0, p, p)


def test_letters_of_a_chain():
    """a and b alike, b and c alike, a and c not: two letters, and b has both."""
    found = letters(
        {"a": 0.9, "b": 0.8, "c": 0.7},
        [pair("a", "b", 0.5), pair("b", "c", 0.5), pair("a", "c", 0.001)],
    )
    assert found == {"a": "a", "b": "ab", "c": "b"}


def test_letters_agree_with_scikit_posthocs():
    """Letters of scikit-posthocs 0.17.1, compact_letter_display(alpha=0.05)."""
    apart = "02 03 04 05 06 16 25 26 35 46"
    ps = {tuple(two): 0.01 for two in apart.split()}
    found = [pair(a, b, ps.get((a, b), 0.3)) for a, b in combinations("0123456", 2)]
    means = dict(zip("0123456", np.linspace(1, 0, 7), strict=True))
    assert list(letters(means, found).values()) == ["a", "abc", "b", "bd", "bc", "ce", "de"]


def test_letters_of_strategies_that_all_differ_go_down_with_the_mean():
    found = letters({"x": 0.1, "y": 0.9}, [pair("x", "y", 0.001)])
    assert found == {"x": "b", "y": "a"}
    assert statistics.LEVEL == 0.05


def test_letters_are_the_maximal_cliques_of_what_is_alike():
    """Against networkx, on a random graph of 12 strategies."""
    generator = np.random.default_rng(3)
    names = [f"s{rank:02d}" for rank in range(12)]
    found = [pair(a, b, float(generator.choice([0.001, 0.9]))) for a, b in combinations(names, 2)]
    graph = networkx.Graph()
    graph.add_nodes_from(names)
    graph.add_edges_from((each.a, each.b) for each in found if each.p_holm >= statistics.LEVEL)
    expected = {frozenset(clique) for clique in networkx.find_cliques(graph)}
    shared = letters(dict(zip(names, np.linspace(0, 1, 12), strict=True)), found)
    assert {
        frozenset(n for n in names if letter in shared[n])
        for letter in set("".join(shared.values()))
    } == expected


def test_sixty_strategies_that_are_all_alike_share_one_letter_at_once():
    """Without a pivot this takes 2^60 steps."""
    names = [f"s{rank:02d}" for rank in range(60)]
    found = [pair(a, b, 0.9) for a, b in combinations(names, 2)]
    assert set(letters(dict.fromkeys(names, 0.5), found).values()) == {"a"}


def test_with_very_many_cliques_letters_still_say_who_is_alike():
    """Fewer letters than maximal cliques: two share one exactly where they are alike."""
    generator = np.random.default_rng(5)
    names = [f"s{rank:02d}" for rank in range(60)]
    found = [pair(a, b, float(generator.choice([0.001, 0.9]))) for a, b in combinations(names, 2)]
    shared = letters(dict(zip(names, np.linspace(1, 0, 60), strict=True)), found)
    sets = {name: set(shared[name].replace("(", " ").replace(")", " ").split()) for name in names}
    single = {name: set("".join(c for c in shared[name] if c.isalpha())) for name in names}
    numbered = {name: {part for part in sets[name] if part.isdigit()} for name in names}
    for each in found:
        common = (single[each.a] & single[each.b]) | (numbered[each.a] & numbered[each.b])
        assert bool(common) == (each.p_holm >= statistics.LEVEL)


def test_rows_far_apart_can_be_told_apart_in_a_table_of_thirty():
    """Runs that differ by no more than their samples explain leave samples to decide."""
    runs = one_seed_each(9)
    correct = {f"s{rank:02d}": right_or_wrong(runs, 0.5, seed=rank) for rank in range(29)}
    correct["best"] = right_or_wrong(runs, 0.95, seed=99)
    ps = [each.p_holm for each in differences(correct) if "best" in (each.a, each.b)]
    assert len(ps) == 29
    assert max(ps) < statistics.LEVEL


def test_the_worked_example_of_the_docs():
    """The numbers that docs/reference/metrics.md goes through, from the variance of its steps."""
    runs = crossed(3, 3)
    points = [8.75, 9.75, 8.25, -0.25, 0.0, -0.25, 11.25, 7.75, 8.25]
    found = over_streams(points, runs)
    of_orders = stats.sem([np.mean(points[:3]), np.mean(points[3:6]), np.mean(points[6:])]) ** 2
    assert found.mean == pytest.approx(5.94, abs=0.005)
    assert of_orders == pytest.approx(9.34, abs=0.005)
    variance = 3.95 + of_orders - 0.64
    df = 1 / ((of_orders / variance) ** 1.5 / 2 + (3.95 / variance) ** 1.5 / 399)
    half = stats.t.ppf(0.975, df) * np.sqrt(variance)
    assert (variance, df, half) == pytest.approx((12.64, 3.15, 11.0), abs=0.05)
    page = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text(
        encoding="utf-8"
    )
    assert "5.9 ± 11.0" in page
