"""AUC equals scikit-learn's, the calibration error the sum by hand, and neither says anything of
nothing.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from clvl_bench.metrics.samples import SAMPLE_METRICS, Samples
from clvl_bench.metrics.scores import auc, calibration_error

SCORED = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60)
"""Few different scores, so that many are tied."""


@settings(max_examples=50)
@given(SCORED)
def test_auc_is_scikit_learns_ties_included(pairs):
    scores = np.array([score / 7 for score, _ in pairs])
    positive = np.array([kind for _, kind in pairs])
    if positive.all() or not positive.any():
        assert np.isnan(auc(scores, positive))
    else:
        assert auc(scores, positive) == pytest.approx(metrics.roc_auc_score(positive, scores))


def test_an_auc_of_scores_that_are_no_numbers_is_undefined():
    assert np.isnan(auc(np.array([0.1, np.nan]), np.array([False, True])))


# Confidence, right: in the bins (5/15, 6/15], (9/15, 10/15] and (14/15, 1]. The gaps are
# |1/2 - 0.4|, |2/3 - 0.65| and |4/5 - 0.99|; weighted by 2, 3 and 5 of 10 they sum to 0.12.
BY_HAND = [
    *[(0.38, True), (0.40, False)],
    *[(0.64, True), (0.65, False), (0.66, True)],
    *[(0.99, True)] * 4,
    (0.99, False),
]


def test_the_calibration_error_is_the_sum_by_hand():
    confidence = np.array([each for each, _ in BY_HAND])
    right = np.array([each for _, each in BY_HAND])
    by_hand = 0.2 * abs(1 / 2 - 0.39) + 0.3 * abs(2 / 3 - 0.65) + 0.5 * abs(4 / 5 - 0.99)
    assert calibration_error(confidence, right) == pytest.approx(by_hand, abs=1e-12)


def test_bins_are_open_below_and_closed_above():
    """At 1/2 of two bins: the lower one holds both samples, whose gaps are then one gap."""
    confidence = np.array([0.5, 0.3])
    right = np.array([False, True])
    assert calibration_error(confidence, right, bins=2) == pytest.approx(abs(1 / 2 - 0.4))
    above = np.array([0.5001, 0.3])
    assert calibration_error(above, right, bins=2) == pytest.approx((0.5001 + 0.7) / 2)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_who_is_as_right_as_he_is_certain_has_no_calibration_error(share):
    right = np.arange(100) < 100 * share
    assert calibration_error(np.full(100, share), right) == pytest.approx(0.0, abs=1e-12)


def test_the_calibration_error_of_nothing_and_of_no_numbers_is_undefined():
    assert np.isnan(calibration_error(np.empty(0), np.empty(0, dtype=np.bool_)))
    assert np.isnan(calibration_error(np.array([0.5, np.nan]), np.array([True, True])))


def drawn(classes: int, *, seed: int = 0) -> tuple[Samples, np.ndarray]:
    """Samples whose true classes are drawn, and their probabilities [60, classes]."""
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.ones(classes), 60).astype(np.float32)
    true = generator.integers(0, classes, 60)
    predicted = shares.argmax(axis=1)
    positive = (1,) if classes == 2 else ()
    return Samples(predicted, true, shares.max(axis=1), positive), shares


def test_metrics_of_two_classes_are_scikit_learns_of_the_second():
    samples, shares = drawn(2)
    true, predicted = samples.true, samples.predicted
    expected = {
        "auc": metrics.roc_auc_score(true, shares[:, 1].astype(np.float64)),
        "sensitivity": metrics.recall_score(true, predicted),
        "specificity": metrics.recall_score(true, predicted, pos_label=0),
        "f1": metrics.f1_score(true, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(true, predicted),
        "macro_f1": metrics.f1_score(true, predicted, average="macro"),
    }
    found = {name: SAMPLE_METRICS[name].of(samples) for name in expected}
    assert found == pytest.approx(expected)


def test_metrics_of_any_number_of_classes_are_scikit_learns():
    samples, _ = drawn(5)
    true, predicted = samples.true, samples.predicted
    expected = {
        "balanced_accuracy": metrics.balanced_accuracy_score(true, predicted),
        "macro_f1": metrics.f1_score(true, predicted, average="macro"),
    }
    assert {name: SAMPLE_METRICS[name].of(samples) for name in expected} == pytest.approx(expected)


def test_two_datasets_with_pairs_of_their_own_are_two_classes():
    """Classes 0 and 1, and 2 and 3: second are 1 and 3."""
    samples, _ = drawn(2)
    where = np.repeat([0, 2], 30)
    confidence = samples.confidence
    apart = Samples(samples.predicted + where, samples.true + where, confidence, (1, 3))
    for name, metric in SAMPLE_METRICS.items():
        if metric.two_classes:
            assert metric.of(apart) == pytest.approx(metric.of(samples)), name


def test_without_confidence_what_needs_it_is_undefined_and_the_rest_is_not():
    samples, _ = drawn(2)
    bare = Samples(samples.predicted, samples.true, None, samples.positive)
    undefined = {name for name, metric in SAMPLE_METRICS.items() if np.isnan(metric.of(bare))}
    assert undefined == {"auc", "ece"}


def test_a_sample_without_a_prediction_is_wrong_and_has_no_confidence():
    nan = np.float32("nan")
    confidence = np.array([nan, 0.75, 0.75, 0.75, 0.75], dtype=np.float32)
    samples = Samples(np.array([-1, 1, 1, 1, 0]), np.array([1, 1, 1, 0, 0]), confidence, (1,))
    assert SAMPLE_METRICS["sensitivity"].of(samples) == pytest.approx(2 / 3)
    assert SAMPLE_METRICS["ece"].of(samples) == pytest.approx(0.0)
    assert np.isnan(SAMPLE_METRICS["auc"].of(samples))


def test_the_example_of_the_docs():
    """Figures of docs/reference/metrics.md: six images, of which the first two are malignant."""
    confidence = np.array([0.90, 0.62, 0.78, 0.70, 0.62, 0.95], dtype=np.float32)
    samples = Samples(np.array([1, 0, 0, 1, 0, 0]), np.array([1, 1, 0, 0, 0, 0]), confidence, (1,))
    found = {name: 100 * metric.of(samples) for name, metric in SAMPLE_METRICS.items()}
    assert found == pytest.approx(
        {
            "accuracy": 100 * 4 / 6,
            "balanced_accuracy": 62.5,
            "macro_f1": 62.5,
            "ece": 100 * 1.31 / 6,
            "auc": 81.25,
            "sensitivity": 50.0,
            "specificity": 75.0,
            "f1": 50.0,
        },
        rel=1e-6,
    )
