"""Rehearsal: what Replay and iCaRL share: each training batch is joined by samples of a memory."""

from typing import Any

import torch

from clvl_bench.methods._base.adapter import State
from clvl_bench.methods._base.memory import Memory
from clvl_bench.methods._base.plugin import Plugin
from clvl_bench.methods._base.strategy_protocol import StrategyLike, iteration_key


class Rehearsal(Plugin):
    """For any supervised Avalanche strategy whose minibatch is (inputs, labels, ..., task).

    A subclass says when samples enter the memory.

    Args:
        batch_size: samples rehearsed a step; as many as the batch holds if None.
    """

    def __init__(self, memory: Memory, batch_size: int | None) -> None:
        super().__init__()
        self.memory = memory
        self.batch_size = batch_size

    def before_training_iteration(self, strategy: StrategyLike, **kwargs: Any) -> None:
        """Current samples and rehearsed ones go through one forward pass; the loss is their
        mean.
        """
        if not len(self.memory):
            return
        # Online a step may have no label at all, and so a batch without samples.
        count = self.batch_size or len(strategy.mbatch[1]) or strategy.train_mb_size
        rehearsed = self.memory.draw(count, *iteration_key(strategy))
        joined = zip(strategy.mbatch, rehearsed, strict=True)
        strategy.mbatch = [
            torch.cat([current, past.to(current.device)]) for current, past in joined
        ]

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
