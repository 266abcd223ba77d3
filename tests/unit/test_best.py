"""The best of a table, what cannot be told apart from it, and the front of two metrics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clvl_bench.report.best import Best, best_of
from clvl_bench.report.design import RunAt
from clvl_bench.report.overrides import parts_of, shared_overrides, without
from clvl_bench.report.pareto import front, staircase

ORDERS = [RunAt(order, order) for order in range(6)]


def in_runs(values):
    return dict(zip(ORDERS, values, strict=False))


def test_what_a_paired_t_test_over_orders_does_not_reject_is_alike():
    """scipy's paired t-test, on one run an order; two comparisons, so Holm doubles the smaller."""
    best = [0.90, 0.92, 0.91, 0.95, 0.90, 0.93]
    near = [0.89, 0.93, 0.90, 0.94, 0.91, 0.92]
    far = [0.70, 0.75, 0.72, 0.71, 0.69, 0.74]
    ps = [stats.ttest_rel(best, other).pvalue for other in (near, far)]
    assert ps[0] > 0.05 > 2 * ps[1]
    found = best_of({"best": in_runs(best), "near": in_runs(near), "far": in_runs(far)}, +1)
    assert found == Best("best", frozenset({"near"}))


def test_less_is_better_where_the_metric_says_so():
    numbers = {"one": in_runs([0.1, 0.2]), "two": in_runs([0.3, 0.3])}
    assert best_of(numbers, -1).strategy == "one"
    assert best_of(numbers, +1).strategy == "two"


def test_nothing_is_made_of_what_is_undefined_or_was_run_once():
    nan = float("nan")
    assert best_of({"one": in_runs([nan, 0.5]), "two": in_runs([0.1, 0.2])}, +1) is None
    assert best_of({"one": in_runs([0.5]), "two": in_runs([0.5])}, +1) is None, "all have the same"
    once = {"one": in_runs([0.5]), "two": in_runs([0.4])}
    assert best_of(once, +1) == Best("one"), "one run says nothing of others"
    tied = {**once, "also": in_runs([0.5])}
    assert best_of(tied, +1) == Best("also", frozenset({"one"})), "but that two are equal"


def test_a_difference_that_is_the_same_in_all_orders_is_told_apart_by_the_sign_test():
    same = {"one": in_runs([0.5] * 6), "two": in_runs([0.25] * 6)}
    assert best_of(same, +1) == Best("one"), "2 / 2^6 = 0.03"
    few = {name: in_runs(list(values.values())[:4]) for name, values in same.items()}
    assert best_of(few, +1) == Best("one", frozenset({"two"})), "2 / 2^4 = 0.125"


POINTS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6)).map(list), min_size=1, max_size=12
)


@given(POINTS, st.sampled_from([(1, 1), (1, -1), (-1, 1), (-1, -1)]))
def test_the_front_is_what_no_other_point_beats(points, better):
    on_front = front(np.array(points, dtype=float), better)
    for place, (x, y) in enumerate(points):
        beaten = False
        for other_x, other_y in points:
            dx, dy = better[0] * (other_x - x), better[1] * (other_y - y)
            beaten |= dx >= 0 and dy >= 0 and dx + dy > 0
        assert on_front[place] == (not beaten)


def test_the_front_by_hand():
    """Accuracy against bytes: more of the first is better, less of the second."""
    points = np.array([[90.0, 10.0], [80.0, 1.0], [85.0, 20.0], [np.nan, 0.0]])
    assert front(points, (1, -1)).tolist() == [True, True, False, False]


def test_the_line_of_a_front_has_every_beaten_point_behind_it():
    line = staircase(np.array([[1.0, 2.0], [2.0, 1.0]]), (1, 1))
    assert line.tolist() == [[1.0, 2.0], [1.0, 1.0], [2.0, 1.0]]
    line = staircase(np.array([[1.0, 1.0], [2.0, 3.0]]), (-1, 1))
    assert line.tolist() == [[1.0, 1.0], [2.0, 1.0], [2.0, 3.0]]


def test_overrides_that_all_strategies_have_are_told_once():
    names = ["slda[train.lr=1e-5,train.epochs=5]", "rail[adapter.fusion=1,train.epochs=5]"]
    assert shared_overrides(names) == ("train.epochs=5",)
    assert [without(name, ("train.epochs=5",)) for name in names] == [
        "slda[train.lr=1e-5]",
        "rail[adapter.fusion=1]",
    ]
    assert shared_overrides(["slda[train.lr=1]", "slda"]) == ()
    assert shared_overrides(["slda[train.lr=1]"]) == (), "of one, nothing is shared"
    assert without("slda[train.lr=1]", ("train.lr=1",)) == "slda"


@pytest.mark.parametrize("name", ["a", "a[b=1]", "a[b=[1,2],c.d=x]"])
def test_parts_of_a_name_make_the_name(name):
    stem, overrides = parts_of(name)
    assert name == (f"{stem}[{','.join(overrides)}]" if overrides else stem)
