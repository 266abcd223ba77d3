"""What must hold of the metrics for any matrix."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clvl_bench.metrics import continual as metrics
from clvl_bench.metrics.continual import Accuracies

UNIT = st.floats(0, 1, allow_nan=False, width=32)


@st.composite
def matrices(draw):
    n_experiences = draw(st.integers(2, 6))
    return draw(arrays(np.float64, (n_experiences + 1, n_experiences), elements=UNIT))


@given(matrices())
def test_forgetting_is_at_least_minus_backward_transfer(accuracy):
    # The best is at least what was just learned, unless an experience is best at its last
    # evaluation, which "had" excludes.
    assert (
        metrics.forgetting(Accuracies(accuracy))
        >= -metrics.backward_transfer(Accuracies(accuracy)) - 1e-9
    )


@given(matrices(), UNIT)
def test_a_constant_row_repeated_changes_nothing_over_time(accuracy, value):
    constant = Accuracies(np.full_like(accuracy, value))
    assert abs(metrics.forgetting(constant)) < 1e-12
    assert abs(metrics.backward_transfer(constant)) < 1e-12
    assert abs(metrics.forward_transfer(constant)) < 1e-12


@given(matrices())
def test_all_stay_within_their_bounds(accuracy):
    for function in (metrics.last, metrics.average, metrics.transfer, metrics.average_anytime):
        assert -1e-12 <= function(Accuracies(accuracy)) <= 1 + 1e-12
    for function in (
        metrics.forgetting,
        metrics.backward_transfer,
        metrics.forward_transfer,
        metrics.stream_degradation,
    ):
        assert -1 - 1e-12 <= function(Accuracies(accuracy)) <= 1 + 1e-12


@given(matrices())
def test_brute_force_agrees(accuracy):
    last = accuracy.shape[1]
    drops = [max(accuracy[j + 1 : last, j]) - accuracy[last, j] for j in range(last - 1)]
    assert abs(metrics.forgetting(Accuracies(accuracy)) - sum(drops) / len(drops)) < 1e-12
    columns = [sum(accuracy[t, j] for t in range(1, j + 1)) / j for j in range(1, last)]
    assert abs(metrics.transfer(Accuracies(accuracy)) - sum(columns) / len(columns)) < 1e-12
