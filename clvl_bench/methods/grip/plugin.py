"""GRIP: rounds of pseudo-labels, the same number of each class and more of them every round, each
training a fresh start.

Menghini, Delworth & Bach 2023, Enhancing CLIP with CLIP: exploring pseudolabeling for limited-label
prompt tuning (arXiv:2306.01669): in round i of I the top i |U| / (I C) samples of every class; what
trains begins anew; the last round's model labels the next one's samples. Differs: a sample gets one
label, the most probable that has room, where the released code may give it several in the order of
files; "anew" is as at the experience's start, so that the past of the stream stays; labelled and
pseudo-labelled samples have one mean each, which is what their gamma makes of sums; the strategy
file trains a linear head, the paper a context. Under a rate that falls over all rounds the last
would hardly learn: set train.schedule = "constant".
"""

from typing import Any

import torch
from torch import Tensor

from clvl_bench.methods._base.candidate_labels import Candidates
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import Weights, put, snapshot
from clvl_bench.methods.grip.config import GripConfig


class Grip(Candidates):
    """With one round every sample has a label, as many of each class, whatever is there."""

    def __init__(self, config: GripConfig, context: PluginContext) -> None:
        super().__init__(config, context, rounds=config.rounds)
        self._start: Weights = {}

    def sets(self, probabilities: Tensor, number: int) -> Tensor:
        samples, classes = probabilities.shape
        a_class = number * samples // (self.rounds * classes)
        return shared_out(probabilities, a_class)

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        super().before_training_exp(strategy, **kwargs)
        self._start = snapshot(self.adapter)

    def before_training_epoch(self, strategy: StrategyLike, **kwargs: Any) -> None:
        before = self._round
        super().before_training_epoch(strategy, **kwargs)
        if before and self._round > before:  # the labels are made; now begin anew
            put(self.adapter, self._start)
            strategy.optimizer.state.clear()


def shared_out(probabilities: Tensor, most: int) -> Tensor:
    """[n, classes]: pairs of sample and class in the order of their probability, each sample once,
    each class `most` times.
    """
    samples, classes = probabilities.shape
    sets = torch.zeros_like(probabilities, dtype=torch.bool)
    free = [True] * samples
    room = [most] * classes
    for pair in probabilities.flatten().argsort(descending=True, stable=True).tolist():
        sample, label = divmod(pair, classes)
        if free[sample] and room[label]:
            free[sample] = False
            room[label] -= 1
            sets[sample, label] = True
    return sets
