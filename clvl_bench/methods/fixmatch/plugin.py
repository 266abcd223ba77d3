"""FixMatch: pseudo-labels of what the model is sure of, learned on a strong view.

Sohn et al. 2020 (arXiv:2001.07685): CE(strong view, argmax q) where max q >= tau, q from the weak
view and without gradient, the mean over all unlabelled samples. With `flexible`, FlexMatch (Zhang
et al. 2021, arXiv:2110.08263): tau of a class falls with how seldom it is predicted with
confidence, tau_c = tau b / (2 - b), b = n_c / max(max n, n_unsure). Differs: the weak view is the
sample itself; FlexMatch's table of a label for every sample is, on a stream, a moving average of
counts; batches are what the stream brings, where the released code draws labelled and unlabelled
samples apart, in two sizes that are fixed; tested is the model itself, there a moving average of
its weights.
"""

from typing import Any

import torch
from torch import Tensor

from clvl_bench.methods._base.adapter import State
from clvl_bench.methods._base.plugin import PluginContext, refuse_without_gradient
from clvl_bench.methods._base.pseudo_labels import Unlabelled, hard_loss, student_scores
from clvl_bench.methods.fixmatch.config import FixMatchConfig


class FixMatch(Unlabelled):
    """Threshold `tau` on the model's own confidence; above 1 no pseudo-label passes, at 0 all
    do.
    """

    def __init__(
        self,
        *,
        weight: float = 1.0,
        tau: float = 0.95,
        flexible: bool = False,
        momentum: float = 0.999,
    ) -> None:
        super().__init__(weight)
        self.tau, self.flexible, self.momentum = tau, flexible, momentum
        self.counts = torch.zeros(
            0
        )  # of confident predictions by class, and behind them of unsure ones

    def loss(self, strategy: Any, rows: Tensor) -> Tensor:
        confidence, labels = strategy.mb_output[rows].detach().softmax(dim=1).max(dim=1)
        kept = confidence >= self.thresholds(strategy.mb_output.shape[1])[labels.cpu()].to(
            confidence.device
        )
        if self.flexible:
            self._count(confidence, labels)
        self.says(strategy, rows, labels, kept)
        return hard_loss(student_scores(strategy, rows), labels, kept)

    def thresholds(self, classes: int) -> Tensor:
        """The confidence that a pseudo-label of each class must have [classes]."""
        if not self.flexible:
            return torch.full((classes,), self.tau)
        if not len(self.counts):
            self.counts = torch.zeros(classes + 1)
            self.counts[-1] = 1.0  # at the start nothing was confident
        share = self.counts[:-1] / self.counts.max()
        return self.tau * share / (2 - share)

    def _count(self, confidence: Tensor, labels: Tensor) -> None:
        sure = confidence.cpu() >= self.tau
        for label, confident in zip(labels.tolist(), sure.tolist(), strict=True):
            self.counts *= self.momentum
            self.counts[label if confident else -1] += 1 - self.momentum

    def state(self) -> State:
        return {"counts": self.counts}

    def load(self, state: State) -> None:
        self.counts = state["counts"].clone()

    def kept_bytes(self) -> int:
        return self.counts.numel() * self.counts.element_size()


def build(config: FixMatchConfig, context: PluginContext) -> FixMatch:
    refuse_without_gradient(config.kind, context.adapter)
    return FixMatch(
        weight=config.weight,
        tau=config.tau,
        flexible=config.flexible,
        momentum=config.count_momentum,
    )
