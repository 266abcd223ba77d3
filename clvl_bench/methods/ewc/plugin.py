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

import torch
from torch import Tensor

from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.consolidation import CHUNK, Consolidation, drawn, squared_gradients
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import Weights, snapshot
from clvl_bench.methods.ewc.config import EwcConfig


class Ewc(Consolidation):
    """strength / 2 * sum_k F_k (theta_k - theta*_k)^2."""

    def __init__(self, config: EwcConfig, context: PluginContext) -> None:
        super().__init__(context.adapter, factor=config.strength / 2)
        self.config = config
        self._seed = context.seed

    def measure(self, strategy: StrategyLike) -> Weights:
        inputs, labels = drawn(strategy, self.config.samples, "fisher", self._seed)
        classes = tuple(strategy.experience.classes_in_this_experience)
        if self.config.fisher == "exact":
            return fisher(self.adapter, inputs, classes)
        known = labels >= 0
        return empirical_fisher(self.adapter, inputs[known], labels[known], classes)

    def absorb(self, measured: Mapping[str, Tensor]) -> None:
        now = snapshot(self.adapter)
        if self.config.form == "online":
            gamma = self.config.gamma
            self.importance = {
                name: gamma * self.importance[name] + value for name, value in measured.items()
            }
            self.centre = now
            return
        for name, new in measured.items():
            total = self.importance[name] + new
            # Where nothing was ever important nothing holds, and the centre goes along.
            positive = total.clamp_min(torch.finfo(total.dtype).tiny)
            share = torch.where(total > 0, new / positive, torch.ones_like(new))
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
    """The same with the labels [n] (class ids) in the place of the model's own probabilities."""
    class_ids = torch.tensor(classes, device=labels.device)
    one_hot = (labels[:, None] == class_ids).float()
    # The chunks of labels come in step with those of inputs.
    weights = iter(one_hot.split(chunk))

    def outputs(part: Tensor) -> tuple[Tensor, Tensor]:
        return adapter.logits(part, classes).log_softmax(dim=-1), next(weights)

    return squared_gradients(adapter, inputs, outputs, chunk=chunk)
