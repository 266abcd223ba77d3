"""Adaptation: ties an adapter to any of Avalanche's supervised strategies; this is how prompt
learning is a plugin.

It tells the adapter when an experience starts and ends and which classes are scored at present. The
optimiser of the strategy must hold `adapter.parameters()`, and the strategy's model must be the
adapter. Under a strategy of Avalanche's own the loss is the criterion that its user gave it, not
`Adapter.loss`; what `Adapter.penalty` says is added to either.
"""

from typing import Any, Literal

from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.plugin import Plugin, n_experiences


class Adaptation(Plugin):
    """An adapter's life under Avalanche.

    Args:
        adapter: the model of the strategy.
        train_classes: among which classes training logits are compared: those of the experience, or
            all seen so far.
    """

    def __init__(
        self, adapter: Adapter, *, train_classes: Literal["experience", "seen"] = "experience"
    ) -> None:
        super().__init__()
        self.adapter, self.train_classes = adapter, train_classes
        self.seen: ClassIds = ()
        self._training_scores: ClassIds = ()

    # Before Avalanche makes the optimiser, so that parameters which begin with the experience are
    # in it.
    def before_train_dataset_adaptation(self, strategy: Any, **kwargs: Any) -> None:
        classes = tuple(strategy.experience.classes_in_this_experience)
        self.seen = tuple(dict.fromkeys((*self.seen, *classes)))
        if getattr(
            strategy.experience, "is_first_subexp", True
        ):  # of a stream's steps the first one begins an experience
            self.adapter.begin(classes)
        self._training_scores = self.seen if self.train_classes == "seen" else classes
        self.adapter.scored = self._training_scores

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        penalty = self.adapter.penalty(strategy.mb_x)
        if penalty is not None:
            strategy.loss = strategy.loss + penalty

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        if getattr(strategy.experience, "is_last_subexp", True):
            self.adapter.end()

    def before_eval_exp(self, strategy: Any, **kwargs: Any) -> None:
        experience = strategy.experience
        plan = getattr(
            experience, "plan", None
        )  # a benchmark of somebody else has none: score what was seen
        self.adapter.scored = (
            self.seen if plan is None else experience.candidates(n_experiences(strategy))
        )

    def after_eval(self, strategy: Any, **kwargs: Any) -> None:
        self.adapter.scored = self._training_scores
