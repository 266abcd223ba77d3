"""anchored_pl: pseudo-labels that a frozen zero-shot model anchors, passed class by class.

Of this suite, from parts of FixMatch (Sohn et al. 2020, arXiv:2001.07685), mean teachers (Tarvainen
& Valpola 2017, arXiv:1703.01780) and the observation that no fixed threshold suits CLIP's
confidence. For an unlabelled sample q = softmax((1 - a) zero-shot logits + a logits of the averaged
model), a = 0 in the first experience, then `share`. It is learned from where max q is at least the
(1 - keep) quantile of recent samples taken for the same class, and at least `margin` over chance.
The anchor keeps mistakes from confirming themselves; the quantile stands for a threshold. With
`among = "experience"` q compares only the classes of the experience from which the samples come,
which a stream with sharp boundaries tells its learner anyway; the loss compares all that the
strategy trains on.
"""

from typing import Any

import torch
from torch import Tensor

from clvl_bench.methods._base.adapter import State, tensor_bytes
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.pseudo_labels import (
    Average,
    Unlabelled,
    hard_loss,
    own_classes,
    student_scores,
    zeroshot_scores,
)
from clvl_bench.methods._base.strategy_protocol import StrategyLike, n_experiences
from clvl_bench.methods._base.weights import prefixed, without_prefix
from clvl_bench.methods.anchored_pl.config import AnchoredPlConfig


class AnchoredPl(Unlabelled):
    """Needs an adapter as the strategy's model.

    `confidences` and `labels` [window] are those of recent samples, the newest last.
    """

    def __init__(self, config: AnchoredPlConfig, context: PluginContext) -> None:
        super().__init__(config.weight)
        self.config = config
        self.adapter = context.adapter
        self.average = Average(config.momentum, ramped=False)
        self.confidences = torch.zeros(0)
        self.labels = torch.zeros(0, dtype=torch.long)

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self.average.align(strategy.model)

    def loss(self, strategy: StrategyLike, rows: Tensor) -> Tensor:
        scored = torch.isfinite(strategy.mb_output[rows].detach())
        if self.config.among == "experience":
            own = torch.isin(torch.arange(scored.shape[1]), own_classes(strategy))
            scored &= own.to(scored.device)
        share = self.config.share if n_experiences(strategy) else 0.0
        targets = self.targets(strategy.mb_x[rows], scored, share=share)
        confidence, labels = targets.max(dim=1)
        chance = 1 / scored.sum(dim=1)
        above_chance = confidence >= self.config.margin * chance
        kept = self.passes(confidence, labels) & above_chance
        self.says(strategy, rows, labels, kept)
        return hard_loss(student_scores(strategy, rows), labels, kept)

    @torch.no_grad()
    def targets(self, inputs: Tensor, scored: Tensor, *, share: float) -> Tensor:
        """q [n, classes], among the scored classes [n, classes]."""
        logits = scored.new_zeros(scored.shape, dtype=torch.float32)
        class_ids = torch.nonzero(scored.any(dim=0)).flatten()
        zeroshot = zeroshot_scores(self.adapter, inputs, class_ids.tolist())
        logits[:, class_ids] = (1 - share) * zeroshot
        if share:
            # A class that is not scored is minus infinity for the model; it is left out below.
            averaged = self.average.scores(self.adapter, inputs).nan_to_num(neginf=0.0)
            logits = logits + share * averaged
        return logits.masked_fill(~scored, -torch.inf).softmax(dim=1)

    def passes(self, confidence: Tensor, labels: Tensor) -> Tensor:
        """Whether each is among the most confident of recent samples, itself included, that were
        taken for its class [n].
        """
        window = self.config.window
        self.confidences = torch.cat([self.confidences, confidence.cpu()])[-window:]
        self.labels = torch.cat([self.labels, labels.cpu()])[-window:]
        thresholds = {}
        for label in labels.unique().tolist():
            of_class = self.confidences[self.labels == label]
            thresholds[label] = torch.quantile(of_class, 1 - self.config.keep)
        edges = torch.stack([thresholds[label] for label in labels.tolist()])
        return confidence >= edges.to(confidence.device)

    def after_update(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self.average.update(strategy.model)

    def state(self) -> State:
        average = prefixed("average.", self.average.state())
        return {**average, "confidences": self.confidences, "labels": self.labels}

    def load(self, state: State) -> None:
        self.average.load(without_prefix("average.", state))
        self.confidences = state["confidences"].clone()
        self.labels = state["labels"].clone()

    def kept_bytes(self) -> int:
        window = {"confidences": self.confidences, "labels": self.labels}
        return self.average.kept_bytes() + tensor_bytes(window)
