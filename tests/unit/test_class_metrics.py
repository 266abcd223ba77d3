"""Metrics of classes equal scikit-learn's, and say nothing of what has no sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from clvl_bench.metrics.classes import (
    balanced_accuracy,
    confusion,
    f1,
    macro_f1,
    macro_specificity,
    precision,
    sensitivity,
    specificity,
)

LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@settings(max_examples=25)
@given(LABELS)
def test_class_metrics_are_scikit_learns(pairs):
    true, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    found = confusion(predicted, true, 5)
    classes = list(range(5))
    theirs = metrics.confusion_matrix(true, predicted, labels=classes)
    assert (found.counts == theirs).all()
    scores = metrics.precision_recall_fscore_support(
        true, predicted, labels=classes, zero_division=np.nan
    )
    for ours, expected in zip(
        (precision(found), sensitivity(found), f1(found), found.n), scores, strict=True
    ):
        assert ours == pytest.approx(expected, nan_ok=True)


@settings(max_examples=25)
@given(LABELS)
def test_balanced_accuracy_is_scikit_learns(pairs):
    true, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    expected = metrics.recall_score(
        true, predicted, labels=np.unique(true), average="macro", zero_division=np.nan
    )
    assert balanced_accuracy(confusion(predicted, true, 5)) == pytest.approx(expected)
    # The same of the samples' own classes, where scikit-learn does not warn of others.
    same = np.isin(predicted, true)
    if len(np.unique(true[same])) > 1:
        ours = balanced_accuracy(confusion(predicted[same], true[same], 5))
        if set(predicted[same]) <= set(true[same]):
            assert ours == pytest.approx(
                metrics.balanced_accuracy_score(true[same], predicted[same])
            )


def test_specificity_is_the_sensitivity_of_not_being_of_a_class():
    generator = np.random.default_rng(0)
    true, predicted = generator.integers(0, 3, (2, 200))
    found = specificity(confusion(predicted, true, 3))
    expected = [metrics.recall_score(true != each, predicted != each) for each in range(3)]
    assert found == pytest.approx(expected)
    assert macro_specificity(confusion(predicted, true, 3)) == pytest.approx(np.mean(expected))


def test_macro_f1_is_scikit_learns_over_what_occurs():
    true, predicted = np.array([0, 0, 1, 3]), np.array([0, 1, 1, 0])
    assert macro_f1(confusion(predicted, true, 6)) == pytest.approx(
        metrics.f1_score(true, predicted, average="macro")
    )


def test_a_class_without_samples_is_undefined_and_a_missing_prediction_is_wrong():
    found = confusion(np.array([0, -1, 1]), np.array([0, 0, -2]), 3)
    assert found.n.tolist() == [2, 0, 0]
    assert found.counts.sum() == 1
    assert sensitivity(found) == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)
    assert balanced_accuracy(found) == 0.5
    assert np.isnan(balanced_accuracy(confusion(np.array([1]), np.array([-2]), 3)))
