"""What an evaluation makes of scores: a value for every metric of samples."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from clvl_bench.methods._base.adapter import predict
from clvl_bench.metrics.samples import SAMPLE_METRICS, SampleMetric
from clvl_bench.training.evaluation import Forgetting, SampleMetrics, confidences

SCORES = torch.tensor([[2.0, 1.0], [0.0, 1.0], [3.0, 0.0], [1.0, 4.0]])
LABELS = torch.tensor([0, 1, 1, 1])
"""Predictions are 0, 1, 0, 1: three of four are right."""


def evaluated(metric, scores=SCORES, labels=LABELS, *, experience=0, trained=1, stream="test"):
    strategy = SimpleNamespace(
        mb_output=scores,
        mb_y=labels,
        mbatch=(None, labels, torch.arange(len(labels)), None),
        experience=SimpleNamespace(
            origin_stream=SimpleNamespace(name=stream), current_experience=experience
        ),
        n_experiences=trained,
        clock=SimpleNamespace(train_exp_counter=trained),
    )
    metric.before_eval_exp(strategy)
    metric.after_eval_iteration(strategy)
    return metric.after_eval_exp(strategy)


def test_accuracy_is_the_share_of_right_predictions():
    (value,) = evaluated(SampleMetrics())
    assert (value.measured.metric, value.value, value.measured.n) == ("accuracy", 0.75, 4)


def test_an_undefined_score_makes_the_accuracy_undefined():
    (value,) = evaluated(SampleMetrics(), torch.cat([SCORES[:3], torch.full((1, 2), torch.nan)]))
    assert value.value != value.value


def test_confidence_is_the_softmax_of_the_predicted_class_among_the_candidates():
    """By hand: of the candidates 0 and 2, the scores log 3 and 0 are 3/4 and 1/4. The second sample
    is wrong: it was taken for class 0, and its confidence is that of class 0.
    """
    log3 = math.log(3)
    scores = torch.tensor([[log3, -math.inf, 0.0], [log3, -math.inf, 0.0], [-math.inf] * 3])
    kept = []
    evaluated(SampleMetrics(kept.append), scores, torch.tensor([0, 2, 2]))
    (predictions,) = kept
    assert predictions.predicted.tolist() == [0, 0, -1]
    assert predictions.confidence.dtype == np.float32
    assert predictions.confidence == pytest.approx([0.75, 0.75, np.nan], nan_ok=True)


def test_confidence_is_at_the_scale_of_the_scores():
    wide = confidences(100 * SCORES, predict(SCORES))
    assert wide.tolist() == pytest.approx([1.0] * 4)
    assert confidences(0 * SCORES, predict(SCORES)).tolist() == [0.5] * 4


def test_metrics_of_two_classes_are_left_out_of_held_out_data():
    asked = ["ece", "auc", "sensitivity"]
    values = evaluated(SampleMetrics(further=asked, positive=[1]))
    assert [value.measured.metric for value in values] == ["accuracy", *asked]
    # Of the three samples of class 1 two were recognised.
    assert values[-1].value == pytest.approx(2 / 3)
    held_out = evaluated(SampleMetrics(further=asked, positive=[1]), stream="zeroshot")
    assert [value.measured.metric for value in held_out] == ["accuracy", "ece"]


def test_a_new_metric_of_samples_is_one_line_and_changes_no_matrix(monkeypatch):
    def share_of_zero(samples):
        return float((samples.predicted == 0).mean())

    metric = SampleMetric("Zero", +1, share_of_zero)
    monkeypatch.setitem(SAMPLE_METRICS, "share_of_zero", metric)
    asked = SampleMetrics(further=["share_of_zero"])
    values = {value.measured.metric: value.value for value in evaluated(asked)}
    assert values == {"accuracy": 0.75, "share_of_zero": 0.5}
    forgetting = Forgetting()
    # Accuracies after 1 and 2 experiences: all right, then three of four: a quarter is forgotten.
    evaluated(forgetting, labels=torch.tensor([0, 1, 0, 1]), trained=1)
    evaluated(forgetting, trained=0)
    evaluated(forgetting, experience=1, trained=0)
    evaluated(forgetting, experience=1, trained=1)
    evaluated(forgetting, trained=2)
    evaluated(forgetting, experience=1, trained=2)
    assert forgetting.result() == pytest.approx(0.25)
