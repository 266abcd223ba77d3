"""FixMatch: pseudo-labels of what the model is sure of, learned on a strong view.

Sohn et al. 2020 (arXiv:2001.07685): CE(strong view, argmax q) where max q >= tau, q from the weak
view and without gradient, the mean over all unlabelled samples. With `flexible`, FlexMatch (Zhang
et al. 2021, arXiv:2110.08263): tau of a class falls with how seldom it is predicted with
confidence, tau_c = tau b / (2 - b), b = n_c / max(max n, n_unsure). Differs: the weak view is the
sample itself, unless `train.augmentation` says more; FlexMatch's table of a label for every sample
is, on a stream, a moving average of counts; batches are what the stream brings, where the released
code draws labelled and unlabelled samples apart, in two sizes that are fixed (64 and 448), each
with replacement. The released code tests a moving average of the weights; here that is
`average_momentum = 0.999`, off by default. The average goes on from experience to experience. In an
online stream the predictions before a label are the model's own.
"""

from typing import Any

import torch
from torch import Tensor

from clvl_bench.methods._base.adapter import State
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.pseudo_labels import (
    Average,
    Unlabelled,
    hard_loss,
    student_scores,
)
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import prefixed, without_prefix
from clvl_bench.methods.fixmatch.config import FixMatchConfig


class FixMatch(Unlabelled):
    """Threshold `tau` on the model's own confidence; above 1 no pseudo-label passes, at 0 all do.

    Works on any model. `counts` [classes + 1] are those of confident predictions by class, and
    behind them of unsure ones.
    """

    def __init__(self, config: FixMatchConfig, context: PluginContext) -> None:
        super().__init__(config.weight)
        self.config = config
        self.counts = torch.zeros(0)
        self.average: Average | None = None
        if config.average_momentum:
            # It starts at the model, and is not ramped.
            self.average = Average(config.average_momentum, ramped=False)

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if self.average is not None:
            self.average.align(strategy.model)

    def after_update(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if self.average is not None:
            self.average.update(strategy.model)

    def before_eval(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if self.average is not None:
            self.average.exchange(strategy.model)

    def after_eval(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if self.average is not None:
            self.average.exchange(strategy.model)

    def loss(self, strategy: StrategyLike, rows: Tensor) -> Tensor:
        probabilities = strategy.mb_output[rows].detach().softmax(dim=1)
        confidence, labels = probabilities.max(dim=1)
        thresholds = self.thresholds(strategy.mb_output.shape[1])[labels.cpu()]
        kept = confidence >= thresholds.to(confidence.device)
        if self.config.flexible:
            self._count(confidence, labels)
        self.says(strategy, rows, labels, kept)
        return hard_loss(student_scores(strategy, rows), labels, kept)

    def thresholds(self, classes: int) -> Tensor:
        """The confidence that a pseudo-label of each class must have [classes]."""
        tau = self.config.tau
        if not self.config.flexible:
            return torch.full((classes,), tau)
        if not len(self.counts):
            self.counts = torch.zeros(classes + 1)
            self.counts[-1] = 1.0  # at the start nothing was confident
        share = self.counts[:-1] / self.counts.max()
        return tau * share / (2 - share)

    def _count(self, confidence: Tensor, labels: Tensor) -> None:
        momentum = self.config.count_momentum
        sure = confidence.cpu() >= self.config.tau
        for label, confident in zip(labels.tolist(), sure.tolist(), strict=True):
            self.counts *= momentum
            self.counts[label if confident else -1] += 1 - momentum

    def state(self) -> State:
        average = {} if self.average is None else prefixed("average.", self.average.state())
        return {"counts": self.counts, **average}

    def load(self, state: State) -> None:
        self.counts = state["counts"].clone()
        if self.average is not None:
            self.average.load(without_prefix("average.", state))

    def kept_bytes(self) -> int:
        average = 0 if self.average is None else self.average.kept_bytes()
        return self.counts.numel() * self.counts.element_size() + average
