"""GRIP: rounds of pseudo-labels, the same number of each class and more of them every round, each
training a fresh start.

Menghini, Delworth & Bach 2023, Enhancing CLIP with CLIP: exploring pseudolabeling for limited-label
prompt tuning (arXiv:2306.01669): in round i of I the top i |U| / (I C) samples of every class; what
trains begins anew; the last round's model labels the next one's samples. Differs: a sample gets one
label, the most probable that has room, where the released code may give it several in the order of
files; "anew" is as at the experience's start, so that the past of the stream stays; the strategy
file trains a linear head, the paper a context. As released a round is as long as a whole training:
`train.epochs` are those of each round. Under a rate that falls over all rounds the last would
hardly learn: set train.schedule = "constant".

The loss is the released one: labelled and pseudo-labelled samples have one mean each, and that of
the labelled ones counts as many times as there are pseudo-labelled samples for each labelled one in
the experience. Samples that are rehearsed beside the batch are labelled ones. An experience without
any label has the other mean alone, and a round without any pseudo-label (fewer samples than rounds
times classes) the labelled one as it is, where the released weight would be 0.
"""

from typing import Any

from torch import Tensor

from clvl_bench.methods._base.candidate_labels import FreshRounds, shared_out
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods.grip.config import GripConfig


class Grip(FreshRounds):
    """With one round every sample has a label, as many of each class, whatever is there."""

    def __init__(self, config: GripConfig, context: PluginContext) -> None:
        super().__init__(config, context, rounds=config.rounds)
        self.balance = 1.0
        """How many times the mean over labelled samples counts in this round."""
        self._labelled = 0

    def sets(self, probabilities: Tensor, number: int) -> Tensor:
        return shared_out(probabilities, self.room(probabilities, number))

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        super().before_training_exp(strategy, **kwargs)
        self._labelled = sum(label >= 0 for label in strategy.experience.dataset.targets)
        self.balance = 1.0

    def before_training_epoch(self, strategy: StrategyLike, **kwargs: Any) -> None:
        before = self._round
        super().before_training_epoch(strategy, **kwargs)
        if self._round > before and self._labelled:
            pseudo_labelled = sum(bool(classes.any()) for classes in self._sets.values())
            self.balance = pseudo_labelled / self._labelled if pseudo_labelled else 1.0

    def before_backward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if bool((strategy.mb_y >= 0).any()):
            # The strategy's loss holds this mean once already, and penalties which must stay as
            # they are.
            strategy.loss = strategy.loss + (self.balance - 1) * strategy.criterion()
        super().before_backward(strategy, **kwargs)
