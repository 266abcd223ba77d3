"""The pseudo-label plugins under Avalanche's own Naive, on a benchmark in which few samples have a
label.
"""

import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive
from torch import nn

from clvl_bench.api import load_benchmark
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.fixmatch.config import FixMatchConfig
from clvl_bench.methods.fixmatch.plugin import FixMatch
from clvl_bench.methods.mean_teacher.config import MeanTeacherConfig
from clvl_bench.methods.mean_teacher.plugin import MeanTeacher


def trained(tiny, *plugins):
    benchmark = load_benchmark("toy_few_labels", tiny, limit=80)
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
    assert torch.equal(trained(tiny, FixMatch(FixMatchConfig(tau=1.01), PluginContext()))[0], plain)


@pytest.mark.parametrize(
    "plugin",
    [
        FixMatch(FixMatchConfig(tau=0.0), PluginContext()),
        MeanTeacher(MeanTeacherConfig(momentum=0.9, ramp_steps=1), PluginContext()),
    ],
    ids=["fixmatch", "mean_teacher"],
)
def test_what_has_no_label_is_learned_from(tiny, plugin):
    plain, _ = trained(tiny)
    weight, labels = trained(tiny, plugin)
    assert not torch.equal(weight, plain)
    assert sum(len(said.ids) for said in plugin.pseudo_labels) == (labels < 0).sum(), (
        "of the last epoch, each once"
    )


class Heard(SupervisedPlugin):
    """Notes the weights behind each update, those that are tested, and those behind a test."""

    def __init__(self):
        super().__init__()
        self.path = []
        self.tested = []
        self.behind = []

    def after_update(self, strategy, **kwargs):
        self.path.append(strategy.model.weight.detach().clone())

    def before_eval_iteration(self, strategy, **kwargs):
        self.tested.append(strategy.model.weight.detach().clone())

    def after_eval(self, strategy, **kwargs):
        self.behind.append(strategy.model.weight.detach().clone())


def test_the_average_of_fixmatch_is_tested_and_training_goes_on_from_the_weights_themselves(tiny):
    """It is m^n theta_0 + (1 - m) sum_k m^(n - k) theta_k behind n updates."""
    benchmark = load_benchmark("toy_few_labels", tiny, limit=80)
    paths = []
    for momentum in (0.0, 0.7):
        torch.manual_seed(0)
        model = nn.Linear(tiny.width, len(benchmark.view.plan.classes))
        start = model.weight.detach().clone()
        config = FixMatchConfig(tau=0.0, average_momentum=momentum)
        heard = Heard()
        strategy = Naive(
            model=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
            criterion=nn.CrossEntropyLoss(ignore_index=-1),
            train_mb_size=40,
            train_epochs=2,
            plugins=[FixMatch(config, PluginContext()), heard],
            evaluator=EvaluationPlugin(loggers=[], collect_all=False),
        )
        for experience in benchmark.scenario.train_stream[:2]:
            torch.manual_seed(0)
            strategy.train(experience, eval_streams=[])
            strategy.eval([experience])
            n = len(heard.path)
            expected = momentum**n * start
            for k, weight in enumerate(heard.path, start=1):
                expected = expected + (1 - momentum) * momentum ** (n - k) * weight
            assert torch.allclose(heard.tested[-1], expected, atol=1e-6)
            assert torch.equal(heard.tested[-1], heard.path[-1]) == (momentum == 0)
            assert torch.equal(heard.behind[-1], heard.path[-1])
        assert n == 4
        paths.append(heard.path)
    assert torch.equal(torch.stack(paths[0]), torch.stack(paths[1]))


def test_the_average_of_fixmatch_outlives_an_experience(tiny):
    config = FixMatchConfig(average_momentum=0.7)
    first = FixMatch(config, PluginContext())
    trained(tiny, first)
    second = FixMatch(config, PluginContext())
    second.load(first.state())
    assert second.average.weights.keys() == {"weight", "bias"}
    for name, weight in second.average.weights.items():
        assert torch.equal(weight, first.average.weights[name])
    assert second.average.steps == first.average.steps > 0
    plain = FixMatch(FixMatchConfig(), PluginContext())
    assert first.kept_bytes() - plain.kept_bytes() == 4 * sum(
        weight.numel() for weight in second.average.weights.values()
    )
