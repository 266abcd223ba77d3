"""GDumb: keep a balanced memory, and at every test train a fresh model on it alone.

Prabhu et al. 2020, GDumb: a simple approach that questions our progress in continual learning (ECCV
2020). It shows how much of a method's result its memory alone would give. Differs from the authors'
code: a fresh model is the pre-trained one, not a random network; which samples of a class are kept
is drawn uniformly, where their greedy sampler keeps the first; no CutMix.
"""

import math
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods._base.memory import Memory, insert_labelled
from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods.gdumb.config import GdumbConfig


class Gdumb(Plugin):
    """For any supervised Avalanche strategy whose model is an adapter in its first state: what it
    is now it becomes again before each training.
    """

    def __init__(self, config: GdumbConfig, context: PluginContext) -> None:
        super().__init__()
        self.adapter = context.adapter
        self.memory = Memory(
            config.samples, "class_balanced", seed=context.seed, max_bytes=config.memory_bytes
        )
        self.seen: ClassIds = ()
        # Made anew from the seed in every process, so that it is neither kept nor counted.
        self._fresh = _copied(self.adapter.state())

    # Before Avalanche makes the optimiser, and behind `Adaptation`, which begins the experience.
    def before_train_dataset_adaptation(self, strategy: StrategyLike, **kwargs: Any) -> None:
        arrived = strategy.experience.classes_in_this_experience
        self.seen = tuple(dict.fromkeys((*self.seen, *arrived)))
        self.adapter.load(self._fresh)
        self.adapter.begin(self.seen)

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        insert_labelled(self.memory, strategy.experience.dataset)
        strategy.dataloader = _Loader(self.memory, strategy)

    def state(self) -> State:
        return {"seen": list(self.seen), **self.memory.state()}

    def load(self, state: State) -> None:
        self.seen = tuple(state["seen"])
        self.memory.load(state)

    def kept_bytes(self) -> int:
        return self.memory.kept_bytes()

    def kept_samples(self) -> int:
        return len(self.memory)


def _copied(state: State) -> State:
    copies = {}
    for name, value in state.items():
        copies[name] = value.clone() if isinstance(value, Tensor) else value
    return copies


class _Loader:
    """Minibatches of all that is kept, in another order each epoch."""

    def __init__(self, memory: Memory, strategy: StrategyLike) -> None:
        self._memory = memory
        self._clock = strategy.clock
        self._batch_size = strategy.train_mb_size

    def __len__(self) -> int:
        return math.ceil(len(self._memory) / self._batch_size)

    def __iter__(self) -> Iterator[list[Tensor]]:
        key = (self._clock.train_exp_counter, self._clock.train_exp_epochs)
        columns = self._memory.draw(len(self._memory), *key)
        batched = [column.split(self._batch_size) for column in columns]
        for batch in zip(*batched, strict=True):
            yield list(batch)
