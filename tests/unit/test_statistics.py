"""Statistics against scipy, closed forms and simulation."""

from itertools import combinations

import networkx
import numpy as np
import pytest
from scipy import stats

from clvl_bench.report import statistics
from clvl_bench.report.statistics import (
    Difference,
    crossed_variance,
    differences,
    holm,
    letters,
    two_sided,
)


def test_holm_on_its_textbook_example():
    # Holm 1979: p times the number of those not smaller, never below an earlier one.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_keeps_order_and_stays_at_most_one():
    ps = np.random.default_rng(0).random(20).tolist()
    corrected = holm(ps)
    assert max(corrected) <= 1.0
    assert np.argsort(ps).tolist() == np.lexsort((ps, corrected)).tolist()


def test_one_run_has_the_variance_of_a_mean():
    values = np.random.default_rng(1).normal(size=(1, 50))
    assert crossed_variance(values) == pytest.approx(stats.sem(values[0]) ** 2)


def test_crossed_variance_is_unbiased():
    """Closed form: var_run / R + var_sample / C + var_cell / (R C)."""
    generator = np.random.default_rng(2)
    runs, samples = 6, 40
    estimates = [
        crossed_variance(
            generator.normal(0, 0.5, (runs, 1))
            + generator.normal(0, 1, (1, samples))
            + generator.normal(0, 1, (runs, samples))
        )
        for _ in range(3000)
    ]
    assert np.mean(estimates) == pytest.approx(
        0.25 / runs + 1 / samples + 1 / (runs * samples), rel=0.04
    )


def test_identical_strategies_differ_by_nothing():
    right = np.random.default_rng(3).random((4, 60)) < 0.7
    (same,) = differences({"a": right, "b": right.copy()}, replicates=500)
    assert (same.mean, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)


def test_p_agrees_with_the_t_test_where_only_samples_vary():
    generator = np.random.default_rng(5)
    a = generator.random((1, 400)) < 0.7
    b = a ^ (
        generator.random((1, 400)) < np.where(a, 0.15, 0.2)
    )  # wrong where a is right more often than the reverse
    (found,) = differences({"a": a, "b": b}, replicates=20000)
    expected = stats.ttest_rel(a[0].astype(float), b[0].astype(float)).pvalue
    assert expected < 0.01
    assert found.p == pytest.approx(expected, abs=2e-3)


def test_two_sided_is_never_zero():
    assert two_sided(np.full(99, 0.3)) == pytest.approx(2 / 100)


@pytest.mark.slow
@pytest.mark.parametrize(("run_effect", "sample_effect"), [(0.0, 0.3), (0.02, 0.3)])
def test_the_interval_covers_the_truth_as_often_as_it_says(run_effect, sample_effect):
    """1,000 simulated tables of 9 runs and 120 samples whose true difference is known by
    construction.
    """
    generator = np.random.default_rng(5)
    covered, truth = 0, 0.05
    for _ in range(1000):
        base = 0.6 + generator.uniform(-sample_effect, sample_effect, (1, 120))
        shift = truth + generator.normal(0, run_effect, (9, 1))
        a, b = generator.random((9, 120)) < base + shift, generator.random((9, 120)) < base
        (found,) = differences({"a": a, "b": b}, replicates=400)
        covered += found.low <= truth <= found.high
    assert 930 <= covered <= 970


def pair(a: str, b: str, p: float) -> Difference:
    return Difference(a, b, 0.0, 0.0, 0.0, p, p)


def test_letters_of_a_chain():
    """a and b alike, b and c alike, a and c not: two letters, and b has both."""
    found = letters(
        {"a": 0.9, "b": 0.8, "c": 0.7},
        [pair("a", "b", 0.5), pair("b", "c", 0.5), pair("a", "c", 0.001)],
    )
    assert found == {"a": "a", "b": "ab", "c": "b"}


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


def test_rows_far_apart_can_be_told_apart_in_a_table_of_thirty():
    """The smallest p that the draws can give must survive Holm's correction over all 435 pairs."""
    generator = np.random.default_rng(4)
    correct = {f"s{rank:02d}": generator.random((3, 300)) < 0.5 for rank in range(29)} | {
        "best": generator.random((3, 300)) < 0.95
    }
    ps = [each.p_holm for each in differences(correct) if "best" in (each.a, each.b)]
    assert len(ps) == 29
    assert max(ps) < statistics.LEVEL
