"""The pseudo-label plugins under Avalanche's own Naive, on a benchmark in which few samples have a
label.
"""

import pytest
import torch
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive
from torch import nn

from clvl_bench.api import avalanche_benchmark
from clvl_bench.methods.fixmatch.plugin import FixMatch
from clvl_bench.methods.mean_teacher.plugin import MeanTeacher


def trained(tiny, *plugins):
    benchmark = avalanche_benchmark("toy_few_labels", tiny, limit=80)
    torch.manual_seed(0)
    model = nn.Linear(tiny.width, len(benchmark.view.plan.classes))
    evaluator = EvaluationPlugin(accuracy_metrics(stream=True), loggers=[], collect_all=False)
    strategy = Naive(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        criterion=nn.CrossEntropyLoss(ignore_index=-1),
        train_mb_size=80,
        train_epochs=2,
        plugins=list(plugins),
        evaluator=evaluator,
    )
    strategy.train(benchmark.scenario.train_stream[0], eval_streams=[])
    labels = torch.tensor(list(benchmark.scenario.train_stream[0].dataset.targets))
    assert 0 < (labels >= 0).sum() < (labels < 0).sum(), "few have a label"
    return model.weight.detach(), labels


def test_nothing_passes_a_threshold_above_one_and_naive_stays_naive(tiny):
    plain, _ = trained(tiny)
    assert torch.equal(trained(tiny, FixMatch(tau=1.01))[0], plain)


@pytest.mark.parametrize(
    "plugin",
    [FixMatch(tau=0.0), MeanTeacher(momentum=0.9, ramp_steps=1)],
    ids=["fixmatch", "mean_teacher"],
)
def test_what_has_no_label_is_learned_from(tiny, plugin):
    plain, _ = trained(tiny)
    weight, labels = trained(tiny, plugin)
    assert not torch.equal(weight, plain)
    assert sum(len(said.ids) for said in plugin.pseudo_labels) == (labels < 0).sum(), (
        "of the last epoch, each once"
    )
