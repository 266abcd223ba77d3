"""Metrics beside the arithmetic that Mammoth and ZSCL released."""

import numpy as np
import pytest
from authors.released import read

from clvl_bench.metrics.continual import (
    Accuracies,
    average,
    backward_transfer,
    forgetting,
    forward_transfer,
    last,
    transfer,
)


@pytest.mark.parametrize("name", ["matrix0", "matrix1"])
def test_transfers_are_mammoths(name):
    released = read("mammoth_metrics")
    accuracy = Accuracies(released[name].numpy())
    expected = released.below(name)
    assert backward_transfer(accuracy) == pytest.approx(
        float(expected["backward_transfer"]), abs=1e-15
    )
    assert forward_transfer(accuracy) == pytest.approx(
        float(expected["forward_transfer"]), abs=1e-15
    )


def test_forgetting_is_mammoths_where_no_accuracy_is_best_at_the_end():
    released = read("mammoth_metrics")
    assert forgetting(Accuracies(released["matrix0"].numpy())) == pytest.approx(
        float(released["matrix0.forgetting"]), abs=1e-15
    )


def test_forgetting_differs_from_mammoths_by_what_was_gained_at_the_end_alone():
    """There the last row is among the best ones, so that a gain counts as no forgetting; here it
    counts against it.
    """
    released = read("mammoth_metrics")
    accuracy = released["matrix1"].numpy()
    learned = accuracy.shape[1]
    gains = []
    for task in range(learned - 1):
        best_before = accuracy[task + 1 : learned, task].max()
        gains.append(max(0.0, accuracy[-1, task] - best_before))
    assert max(gains) > 0
    expected = float(released["matrix1.forgetting"]) - np.mean(gains)
    assert forgetting(Accuracies(accuracy)) == pytest.approx(expected, abs=1e-15)


def test_transfer_average_and_last_are_zscls_before_rounding():
    released = read("zscl_metrics")
    accuracy = Accuracies(released["matrix"].numpy())
    for name, metric in (("transfer", transfer), ("avg", average), ("last", last)):
        assert metric(accuracy) == pytest.approx(float(released[name]), rel=2e-15), name
