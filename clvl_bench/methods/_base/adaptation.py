"""Adaptation: ties an adapter to any of Avalanche's supervised strategies; this is how prompt
learning is a plugin.

It tells the adapter when an experience starts and ends and which classes are scored at present. The
optimiser of the strategy must hold `adapter.parameters()`, and the strategy's model must be the
adapter.
"""

from typing import Any

from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.config import TrainClasses
from clvl_bench.methods._base.plugin import Plugin
from clvl_bench.methods._base.strategy_protocol import StrategyLike, n_experiences


class Adaptation(Plugin):
    """An adapter's life under Avalanche.

    Args:
        adapter: the model of the strategy.
        train_classes: among which classes training logits are compared: those of the experience,
            all seen so far, or those of the samples in the batch, as CLIP itself was trained
            (Radford et al. 2021, arXiv:2103.00020, section 2.3).
    """

    def __init__(self, adapter: Adapter, *, train_classes: TrainClasses = "experience") -> None:
        super().__init__()
        self.adapter = adapter
        self.train_classes = train_classes
        self.seen: ClassIds = ()
        self._training_scores: ClassIds = ()

    # Before Avalanche makes the optimiser, so that parameters which begin with the experience are
    # in it.
    def before_train_dataset_adaptation(self, strategy: StrategyLike, **kwargs: Any) -> None:
        classes = tuple(strategy.experience.classes_in_this_experience)
        self.seen = tuple(dict.fromkeys((*self.seen, *classes)))
        # Of the steps of an online stream the first one begins an experience.
        if getattr(strategy.experience, "is_first_subexp", True):
            self.adapter.begin(classes)
        self._training_scores = self.seen if self.train_classes == "seen" else classes
        self.adapter.scored = self._training_scores

    # Behind what joins the batch: rehearsed samples bring their classes.
    def before_forward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if self.train_classes == "batch":
            self.adapter.scored = tuple(strategy.mb_y.unique().tolist())

    def before_backward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        penalty = self.adapter.penalty(strategy.mb_x)
        if penalty is not None:
            strategy.loss = strategy.loss + penalty

    def after_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if getattr(strategy.experience, "is_last_subexp", True):
            self.adapter.end()

    def before_eval_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        # An experience of the suite knows what may be an answer by now. That of another benchmark
        # does not: score what was seen.
        candidates = getattr(strategy.experience, "candidates", None)
        if candidates is None:
            self.adapter.scored = self.seen
        else:
            self.adapter.scored = candidates(n_experiences(strategy))

    def after_eval(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self.adapter.scored = self._training_scores
