"""What plugins ask of a strategy is there in the middle of Avalanche's own loop."""

from typing import Protocol

import pytest
import torch
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive

from clvl_bench.api import load_benchmark
from clvl_bench.methods._base import strategy_protocol as protocols
from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods.replay.config import ReplayConfig
from clvl_bench.methods.replay.plugin import Replay


def asked(protocol):
    """Every name that a protocol declares, its bases' included."""
    classes = [each for each in protocol.__mro__ if each not in (Protocol, object)]
    names = set()
    for each in classes:
        names |= {*vars(each), *getattr(each, "__annotations__", {})}
    return sorted(name for name in names if not name.startswith("_"))


class Looking(Plugin):
    """Notes what is missing, of the strategy and of what hangs on it, before each backward pass."""

    def __init__(self):
        super().__init__()
        self.missing = []
        self.steps = 0

    def before_backward(self, strategy, **kwargs):
        self.steps += 1
        parts = {
            protocols.StrategyLike: strategy,
            protocols.Clock: strategy.clock,
            protocols.SuiteExperience: strategy.experience,
            protocols.LabelledDataset: strategy.experience.dataset,
        }
        for protocol, part in parts.items():
            self.missing += [
                f"{protocol.__name__}.{name}" for name in asked(protocol) if not hasattr(part, name)
            ]


@pytest.fixture
def naive(tiny):
    benchmark = load_benchmark("toy_landcover", tiny, limit=40)
    model = torch.nn.Linear(tiny.width, len(benchmark.view.plan.classes))

    def train(*plugins):
        torch.manual_seed(0)
        strategy = Naive(
            model=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
            criterion=torch.nn.CrossEntropyLoss(),
            train_mb_size=8,
            train_epochs=1,
            plugins=list(plugins),
            evaluator=EvaluationPlugin(loggers=[], collect_all=False),
        )
        for experience in list(benchmark.scenario.train_stream)[:2]:
            strategy.train(experience, eval_streams=[])

    return train


def test_naive_has_all_that_plugins_ask_of_a_strategy(naive):
    looking = Looking()
    naive(looking)
    assert looking.steps > 0
    assert looking.missing == []
    assert {"loss", "mbatch", "mb_output", "model"} <= set(asked(protocols.StrategyLike))


def test_replay_made_by_hand_rehearses_under_naive_with_a_plain_model(naive):
    replay = Replay(ReplayConfig(memory_size=5, batch_size=3), PluginContext())
    sizes = []

    class Sizes(Plugin):
        def after_forward(self, strategy, **kwargs):
            sizes.append((len(replay.memory), len(strategy.mb_output)))

    naive(replay, Sizes())
    assert {size for kept, size in sizes if not kept} <= set(range(1, 9))
    assert {size for kept, size in sizes if kept} <= set(range(4, 12))
    assert max(size for _, size in sizes) == 8 + 3
