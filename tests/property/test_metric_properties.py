"""What must hold of the metrics for any matrix."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clvl_bench.metrics import continual as metrics

UNIT = st.floats(0, 1, allow_nan=False, width=32)


@st.composite
def matrices(draw):
    learned = draw(st.integers(2, 6))
    return draw(arrays(np.float64, (learned + 1, learned), elements=UNIT))


@given(matrices())
def test_forgetting_is_at_least_minus_backward_transfer(accuracy):
    # The best is at least what was just learned, unless an experience is best at its last
    # evaluation, which "had" excludes.
    assert metrics.forgetting(accuracy) >= -metrics.backward_transfer(accuracy) - 1e-9


@given(matrices(), UNIT)
def test_a_constant_row_repeated_changes_nothing_over_time(accuracy, value):
    constant = np.full_like(accuracy, value)
    assert abs(metrics.forgetting(constant)) < 1e-12
    assert abs(metrics.backward_transfer(constant)) < 1e-12
    assert abs(metrics.forward_transfer(constant)) < 1e-12


@given(matrices())
def test_all_stay_within_their_bounds(accuracy):
    for function in (metrics.last, metrics.average, metrics.transfer, metrics.average_anytime):
        assert -1e-12 <= function(accuracy) <= 1 + 1e-12
    for function in (
        metrics.forgetting,
        metrics.backward_transfer,
        metrics.forward_transfer,
        metrics.stream_degradation,
    ):
        assert -1 - 1e-12 <= function(accuracy) <= 1 + 1e-12


@given(matrices())
def test_brute_force_agrees(accuracy):
    learned = accuracy.shape[1]
    drops = [
        max(accuracy[t, j] for t in range(j + 1, learned)) - accuracy[learned, j]
        for j in range(learned - 1)
    ]
    assert abs(metrics.forgetting(accuracy) - sum(drops) / len(drops)) < 1e-12
    columns = [sum(accuracy[t, j] for t in range(1, j + 1)) / j for j in range(1, learned)]
    assert abs(metrics.transfer(accuracy) - sum(columns) / len(columns)) < 1e-12
