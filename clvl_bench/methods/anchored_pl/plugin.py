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

from typing import Any, Literal

import torch
from torch import Tensor

from clvl_bench.methods._base.adapter import Adapter, State
from clvl_bench.methods._base.plugin import PluginContext, n_experiences, refuse_without_gradient
from clvl_bench.methods._base.pseudo_labels import (
    Average,
    Unlabelled,
    hard_loss,
    own_classes,
    student_scores,
    zeroshot_scores,
)
from clvl_bench.methods.anchored_pl.config import AnchoredPlConfig


class AnchoredPl(Unlabelled):
    """Needs an adapter as the strategy's model.

    Args:
        weight: of the loss (lambda_u).
        share: of the averaged model in q, from the second experience on (a).
        momentum: of the average.
        keep: share of a class's recent samples that passes (rho).
        window: how many recent samples these are, over all classes.
        margin: least confidence, in times of chance.
        among: which classes a pseudo-label may be of: all that are scored, or those of the
            experience.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        weight: float = 1.0,
        share: float = 0.5,
        momentum: float = 0.99,
        keep: float = 0.5,
        window: int = 2048,
        margin: float = 1.5,
        among: Literal["scored", "experience"] = "scored",
    ) -> None:
        super().__init__(weight)
        self.among = among
        self.adapter, self.share, self.keep, self.margin, self.window = (
            adapter,
            share,
            keep,
            margin,
            window,
        )
        self.average = Average(momentum, ramped=False)
        self.confidences, self.labels = torch.zeros(0), torch.zeros(0, dtype=torch.long)

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        self.average.align(strategy.model)

    def loss(self, strategy: Any, rows: Tensor) -> Tensor:
        inputs, scored = strategy.mb_x[rows], torch.isfinite(strategy.mb_output[rows].detach())
        if self.among == "experience":
            scored &= torch.isin(torch.arange(scored.shape[1]), own_classes(strategy)).to(
                scored.device
            )
        confidence, labels = self.targets(
            inputs, scored, share=self.share if n_experiences(strategy) else 0.0
        ).max(dim=1)
        chance = 1 / scored.sum(dim=1)
        kept = self.passes(confidence, labels) & (confidence >= self.margin * chance)
        self.says(strategy, rows, labels, kept)
        return hard_loss(student_scores(strategy, rows), labels, kept)

    @torch.no_grad()
    def targets(self, inputs: Tensor, scored: Tensor, *, share: float) -> Tensor:
        """q [n, table], among the scored classes [n, table]."""
        logits = scored.new_zeros(scored.shape, dtype=torch.float32)
        places = torch.nonzero(scored.any(dim=0)).flatten()
        logits[:, places] = (1 - share) * zeroshot_scores(self.adapter, inputs, places.tolist())
        if share:
            logits = logits + share * self.average.scores(self.adapter, inputs).nan_to_num(
                neginf=0.0
            )
        return logits.masked_fill(~scored, -torch.inf).softmax(dim=1)

    def passes(self, confidence: Tensor, labels: Tensor) -> Tensor:
        """Whether each is among the most confident of recent samples, itself included, that were
        taken for its class [n].
        """
        self.confidences = torch.cat([self.confidences, confidence.cpu()])[-self.window :]
        self.labels = torch.cat([self.labels, labels.cpu()])[-self.window :]
        least = {
            label: torch.quantile(self.confidences[self.labels == label], 1 - self.keep)
            for label in labels.unique().tolist()
        }
        edges = torch.stack([least[label] for label in labels.tolist()])
        return confidence >= edges.to(confidence.device)

    def after_update(self, strategy: Any, **kwargs: Any) -> None:
        self.average.update(strategy.model)

    def state(self) -> State:
        weights = {f"average.{name}": value for name, value in self.average.state().items()}
        return {**weights, "confidences": self.confidences, "labels": self.labels}

    def load(self, state: State) -> None:
        prefix = "average."
        self.average.load(
            {
                name.removeprefix(prefix): value
                for name, value in state.items()
                if name.startswith(prefix)
            }
        )
        self.confidences, self.labels = state["confidences"].clone(), state["labels"].clone()

    def kept_bytes(self) -> int:
        window = sum(
            column.numel() * column.element_size() for column in (self.confidences, self.labels)
        )
        return self.average.kept_bytes() + window


def build(config: AnchoredPlConfig, context: PluginContext) -> AnchoredPl:
    refuse_without_gradient(config.kind, context.adapter)
    settings = config.model_dump(exclude={"kind"})
    return AnchoredPl(context.adapter, **settings)
