"""EWC: weights are held by the Fisher information of what was learned.

Kirkpatrick et al. 2017, Overcoming catastrophic forgetting in neural networks (arXiv:1612.00796,
equation 3), with one quadratic term for each experience; `online` is the one running term of
Schwarz et al. 2018, Progress & compress (arXiv:1805.06370). The Fisher is exact: gradients of each
sample, and of each class with the probability that the model gives it. (Implementations that square
the gradient of a batch's mean get values that shrink with the batch.) The quadratic terms of all
experiences add up to one around their weighted mean, but for a constant, so that two numbers a
weight are kept however long the stream is.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.consolidation import CHUNK, Consolidation, drawn, squared_gradients
from clvl_bench.methods._base.plugin import PluginContext, refuse_without_gradient
from clvl_bench.methods._base.weights import Weights, snapshot
from clvl_bench.methods.ewc.config import EwcConfig


class Ewc(Consolidation):
    """strength / 2 * sum_k F_k (theta_k - theta*_k)^2.

    Args:
        form: a term for each experience, or one running term around the latest weights.
        gamma: online: what is left of the old Fisher when a new one comes.
        fisher: over the classes by the model's own probability, or of the labels that are there.
        samples: of each experience, for its Fisher.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        strength: float = 1000.0,
        form: Literal["separate", "online"] = "separate",
        gamma: float = 1.0,
        fisher: Literal["exact", "empirical"] = "exact",
        samples: int = 256,
        seed: int = 0,
    ) -> None:
        super().__init__(adapter, factor=strength / 2)
        self.form, self.gamma, self.fisher, self.samples, self._seed = (
            form,
            gamma,
            fisher,
            samples,
            seed,
        )

    def measure(self, strategy: Any) -> Weights:
        inputs, labels = drawn(strategy, self.samples, "fisher", self._seed)
        classes = tuple(strategy.experience.classes_in_this_experience)
        if self.fisher == "exact":
            return fisher(self.adapter, inputs, classes)
        known = labels >= 0
        return empirical_fisher(self.adapter, inputs[known], labels[known], classes)

    def absorb(self, measured: Mapping[str, Tensor]) -> None:
        now = snapshot(self.adapter)
        if self.form == "online":
            self.importance = {
                name: self.gamma * self.importance[name] + value for name, value in measured.items()
            }
            self.centre = now
            return
        for name, new in measured.items():
            old = self.importance[name]
            total = old + new
            share = torch.where(
                total > 0,
                new / total.clamp_min(torch.finfo(total.dtype).tiny),
                torch.ones_like(new),
            )
            self.centre[name] = self.centre[name] + share * (now[name] - self.centre[name])
            self.importance[name] = total


def fisher(adapter: Adapter, inputs: Tensor, classes: ClassIds, *, chunk: int = CHUNK) -> Weights:
    """Diagonal of E_x sum_c p(c|x) (d log p(c|x) / d theta)^2 over the samples, p over these
    classes.
    """

    def outputs(part: Tensor) -> tuple[Tensor, Tensor]:
        logs = adapter.logits(part, classes).log_softmax(dim=-1)
        return logs, logs.exp()

    return squared_gradients(adapter, inputs, outputs, chunk=chunk)


def empirical_fisher(
    adapter: Adapter, inputs: Tensor, labels: Tensor, classes: ClassIds, *, chunk: int = CHUNK
) -> Weights:
    """The same with the labels [n] (places in the table) in the place of the model's own
    probabilities.
    """
    places = torch.tensor(
        [[label == place for place in classes] for label in labels.tolist()], device=labels.device
    )
    left = iter(places.reshape(-1, len(classes)).float().split(chunk))

    def outputs(part: Tensor) -> tuple[Tensor, Tensor]:
        return adapter.logits(part, classes).log_softmax(dim=-1), next(left)

    return squared_gradients(adapter, inputs, outputs, chunk=chunk)


def build(config: EwcConfig, context: PluginContext) -> Ewc:
    refuse_without_gradient(config.kind, context.adapter)
    return Ewc(
        context.adapter,
        strength=config.strength,
        form=config.form,
        gamma=config.gamma,
        fisher=config.fisher,
        samples=config.samples,
        seed=context.seed,
    )
