"""Consolidation: the part that EWC, MAS and SI share. Important weights are held, each by a spring
of its own.

The loss grows by factor * sum_k importance_k (theta_k - centre_k)^2; the method says how importance
is measured.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from clvl_bench.core.rng import rng
from clvl_bench.methods._base.adapter import Adapter, State, tensor_bytes
from clvl_bench.methods._base.memory import reader
from clvl_bench.methods._base.plugin import Plugin
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import (
    Weights,
    grown,
    prefixed,
    snapshot,
    squared_distance,
    trained,
    without_dropout,
    without_prefix,
)

CHUNK = 4
"""Samples that go forward together when gradients are taken of each; no value depends on it but in
its last bits."""


class Consolidation(Plugin):
    """Importance and centre of every trained parameter, kept from experience to experience.

    Rows that a growing head adds are free until their experience is over.

    Args:
        factor: of the penalty, sum_k importance_k (theta_k - centre_k)^2.
    """

    def __init__(self, adapter: Adapter, *, factor: float) -> None:
        super().__init__()
        self.adapter = adapter
        self.factor = factor
        self.importance: Weights = {}
        self.centre: Weights = {}

    def measure(self, strategy: StrategyLike) -> Weights:
        """The importance of each trained parameter for the experience that has just been
        learned.
        """
        raise NotImplementedError

    def absorb(self, measured: Mapping[str, Tensor]) -> None:
        """Importances add up, and the centre is where the weights are now."""
        self.importance = {name: self.importance[name] + value for name, value in measured.items()}
        self.centre = snapshot(self.adapter)

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        now = snapshot(self.adapter)
        no_importance = {name: torch.zeros_like(value) for name, value in now.items()}
        self.centre = grown(self.centre, now)
        self.importance = grown(self.importance, no_importance)

    def before_backward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        strategy.loss = strategy.loss + self.penalty()

    def after_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self.absorb(self.measure(strategy))

    def penalty(self) -> Tensor:
        return self.factor * squared_distance(self.adapter, self.centre, self.importance)

    def state(self) -> State:
        return {**prefixed("importance.", self.importance), **prefixed("centre.", self.centre)}

    def load(self, state: State) -> None:
        self.importance = without_prefix("importance.", state)
        self.centre = without_prefix("centre.", state)

    def kept_bytes(self) -> int:
        return tensor_bytes(self.state())


def drawn(strategy: StrategyLike, samples: int, *key: object) -> tuple[Tensor, Tensor]:
    """Inputs [n, ...] and revealed labels [n] of up to `samples` of the experience's samples."""
    dataset = strategy.experience.dataset
    labels = torch.tensor(list(dataset.targets))
    order = rng(*key, strategy.clock.train_exp_counter).permutation(len(labels))
    rows = torch.from_numpy(order[:samples])
    inputs, *_ = reader(dataset)(rows)
    return inputs.to(strategy.device), labels[rows].to(strategy.device)


def squared_gradients(
    adapter: Adapter,
    inputs: Tensor,
    outputs: Callable[[Tensor], tuple[Tensor, Tensor]],
    *,
    chunk: int = CHUNK,
) -> Weights:
    """Mean over samples of the weighted sum of the squared gradients of a sample's outputs, exact
    per sample.

    Args:
        outputs: for inputs [batch, ...]: values [batch, outputs], and the weight of each one's
            squared gradient.
    """
    return _per_sample(adapter, inputs, outputs, torch.square, chunk)


def absolute_gradients(
    adapter: Adapter,
    inputs: Tensor,
    outputs: Callable[[Tensor], tuple[Tensor, Tensor]],
    *,
    chunk: int = CHUNK,
) -> Weights:
    """The same of absolute gradients."""
    return _per_sample(adapter, inputs, outputs, torch.abs, chunk)


def _per_sample(
    adapter: Adapter,
    inputs: Tensor,
    outputs: Callable[[Tensor], tuple[Tensor, Tensor]],
    size: Callable[[Tensor], Tensor],
    chunk: int,
) -> Weights:
    parameters = trained(adapter)
    total = {name: torch.zeros_like(weight) for name, weight in parameters.items()}
    with without_dropout(adapter), torch.enable_grad():
        for part in inputs.split(chunk):
            values, weights = (each.flatten() for each in outputs(part))
            # Each row of the identity asks for the gradient of one value: all of them in one go,
            # and none mixed with another.
            one_each = torch.eye(len(values), device=values.device)
            found = torch.autograd.grad(
                values,
                list(parameters.values()),
                one_each,
                is_grads_batched=True,
                allow_unused=True,
            )
            for name, gradients in zip(parameters, found, strict=True):
                if gradients is not None:
                    total[name] += torch.tensordot(weights.detach(), size(gradients), dims=1)
    return {name: value / max(1, len(inputs)) for name, value in total.items()}
