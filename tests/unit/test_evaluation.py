"""What an evaluation makes of scores: a value for every metric of samples."""

from types import SimpleNamespace

import pytest
import torch

from clvl_bench.metrics.samples import SAMPLE_METRICS
from clvl_bench.training.evaluation import Forgetting, SampleMetrics

SCORES = torch.tensor([[2.0, 1.0], [0.0, 1.0], [3.0, 0.0], [1.0, 4.0]])
LABELS = torch.tensor([0, 1, 1, 1])
"""Predictions are 0, 1, 0, 1: three of four are right."""


def evaluated(metric, scores=SCORES, labels=LABELS, *, experience=0, trained=1):
    strategy = SimpleNamespace(
        mb_output=scores,
        mb_y=labels,
        mbatch=(None, labels, torch.arange(len(labels)), None),
        experience=SimpleNamespace(
            origin_stream=SimpleNamespace(name="test"), current_experience=experience
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


def test_a_new_metric_of_samples_is_one_line_and_changes_no_matrix(monkeypatch):
    def share_of_zero(samples):
        return float((samples.predicted == 0).mean())

    monkeypatch.setitem(SAMPLE_METRICS, "share_of_zero", share_of_zero)
    values = {value.measured.metric: value.value for value in evaluated(SampleMetrics())}
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
