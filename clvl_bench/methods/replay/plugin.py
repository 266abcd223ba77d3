"""Replay: each training batch is joined by samples from a small memory of the past (Chaudhry et al.
2019, arXiv:1902.10486).

Differs from Avalanche's own: half of a step is current and half is memory whatever their sizes,
classes are balanced by count, inputs are kept as they are read (features or pixels), and nothing is
drawn from the global generator.
"""

from typing import Any

import torch

from clvl_bench.methods._base.adapter import State
from clvl_bench.methods._base.memory import (
    Features,
    Memory,
    MemoryPolicy,
    features_by,
    insert_labelled,
)
from clvl_bench.methods._base.plugin import Plugin, PluginContext, refuse_without_gradient
from clvl_bench.methods.replay.config import ReplayConfig


class Replay(Plugin):
    """Rehearsal for any supervised Avalanche strategy whose minibatch is (inputs, labels, ...,
    task).

    Args:
        memory_size: samples kept, over all classes.
        memory_bytes: if given, bytes kept in place of a number of samples.
        policy: which ones: uniform over the stream, the same number of each class, or those with
            the mean of their class.
        batch_size: samples rehearsed a step; as many as the batch holds if None.
        pseudo_labelled: whether samples enter, too, whose pseudo-label another plugin learned from
            in the last epoch.
        features: for the policy `herding`: unit features of inputs, as `memory.features_by` makes
            them.
    """

    def __init__(
        self,
        memory_size: int = 500,
        *,
        memory_bytes: int | None = None,
        policy: MemoryPolicy = "class_balanced",
        batch_size: int | None = None,
        pseudo_labelled: bool = False,
        seed: int = 0,
        features: Features | None = None,
    ) -> None:
        super().__init__()
        self.memory = Memory(
            memory_size, policy, seed=seed, max_bytes=memory_bytes, features=features
        )
        self.batch_size, self.pseudo_labelled = batch_size, pseudo_labelled

    def before_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        """Current samples and rehearsed ones go through one forward pass; the loss is their
        mean.
        """
        if len(self.memory):
            clock = strategy.clock
            key = (clock.train_exp_counter, clock.train_exp_epochs, clock.train_epoch_iterations)
            rehearsed = self.memory.draw(
                self.batch_size or len(strategy.mbatch[1]) or strategy.train_mb_size, *key
            )
            joined = zip(strategy.mbatch, rehearsed, strict=True)
            strategy.mbatch = [
                torch.cat([current, past.to(current.device)]) for current, past in joined
            ]

    # After the experience: a sample that entered earlier would be rehearsed beside itself in later
    # epochs.
    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        insert_labelled(
            self.memory,
            strategy.experience.dataset,
            _passed(strategy) if self.pseudo_labelled else None,
        )

    @property
    def remembers(self) -> bool:
        return len(self.memory) > 0

    def state(self) -> State:
        return self.memory.state()

    def load(self, state: State) -> None:
        self.memory.load(state)

    def kept_bytes(self) -> int:
        return self.memory.kept_bytes()

    def kept_samples(self) -> int:
        return len(self.memory)


def _passed(strategy: Any) -> dict[int, int]:
    """Pseudo-labels that plugins learned from in the last epoch, by sample id."""
    said = [
        each
        for plugin in strategy.plugins
        if isinstance(plugin, Plugin)
        for each in plugin.pseudo_labels
    ]
    passed = [(each.ids[each.kept].tolist(), each.labels[each.kept].tolist()) for each in said]
    return {
        sample: label for ids, labels in passed for sample, label in zip(ids, labels, strict=True)
    }


def build(config: ReplayConfig, context: PluginContext) -> Replay:
    refuse_without_gradient(config.kind, context.adapter)
    return Replay(
        config.samples,
        memory_bytes=config.memory_bytes,
        policy=config.policy,
        batch_size=config.batch_size,
        pseudo_labelled=config.pseudo_labelled,
        seed=context.seed,
        features=features_by(context.adapter),
    )
