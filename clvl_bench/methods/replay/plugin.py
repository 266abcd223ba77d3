"""Replay: each training batch is joined by samples from a small memory of the past (Chaudhry et al.
2019, arXiv:1902.10486).

Differs from Avalanche's own: half of a step is current and half is memory whatever their sizes,
classes are balanced by count, inputs are kept as they are read (features or pixels), and nothing is
drawn from the global generator.
"""

from typing import Any

from clvl_bench.methods._base.memory import Memory, features_by, insert_labelled
from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.rehearsal import Rehearsal
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods.replay.config import ReplayConfig


class Replay(Rehearsal):
    """Rehearsal for any supervised Avalanche strategy whose minibatch is (inputs, labels, ...,
    task). With the policy `herding` the model must be an adapter.
    """

    def __init__(self, config: ReplayConfig, context: PluginContext) -> None:
        herded = config.policy == "herding"
        memory = Memory(
            config.samples,
            config.policy,
            seed=context.seed,
            max_bytes=config.memory_bytes,
            features=features_by(context.adapter) if herded else None,
        )
        super().__init__(memory, config.batch_size)
        self.config = config

    # After the experience: a sample that entered earlier would be rehearsed beside itself in later
    # epochs.
    def after_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        pseudo = _passed(strategy) if self.config.pseudo_labelled else None
        insert_labelled(self.memory, strategy.experience.dataset, pseudo)


def _passed(strategy: StrategyLike) -> dict[int, int]:
    """Pseudo-labels that plugins learned from in the last epoch, by sample id."""
    passed: dict[int, int] = {}
    for plugin in strategy.plugins:
        if not isinstance(plugin, Plugin):  # one of Avalanche's
            continue
        for each in plugin.pseudo_labels:
            ids = each.ids[each.kept].tolist()
            labels = each.labels[each.kept].tolist()
            passed.update(zip(ids, labels, strict=True))
    return passed
