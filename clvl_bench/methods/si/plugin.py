"""SI: weights are held by how much each one lowered the loss on its way.

Zenke et al. 2017, Continual learning through synaptic intelligence (arXiv:1703.04200, equations 3
to 5): along the training of an experience, omega_k adds up minus gradient times step; after it,
Omega_k grows by omega_k / (distance^2 + damping). The gradient is that of the loss without SI's own
penalty. A negative omega counts as 0: a spring that pushes has no minimum. (Mammoth lets it be
negative; all else is the same.)
"""

from typing import Any

import torch

from clvl_bench.methods._base.consolidation import Consolidation
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import Weights, snapshot, trained
from clvl_bench.methods.si.config import SiConfig


class Si(Consolidation):
    """strength * sum_k Omega_k (theta_k - theta*_k)^2."""

    def __init__(self, config: SiConfig, context: PluginContext) -> None:
        super().__init__(context.adapter, factor=config.strength)
        self.config = config
        self._path: Weights = {}
        self._begin: Weights = {}
        self._before: Weights = {}
        self._gradient: Weights = {}

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        super().before_training_exp(strategy, **kwargs)
        self._begin = snapshot(self.adapter)
        self._path = {name: torch.zeros_like(value) for name, value in self._begin.items()}

    def before_update(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self._before = snapshot(self.adapter)
        self._gradient = {}
        for name, weight in trained(self.adapter).items():
            if weight.grad is not None:
                away = weight.detach() - self.centre[name]
                of_penalty = 2 * self.factor * self.importance[name] * away
                self._gradient[name] = weight.grad - of_penalty

    def after_update(self, strategy: StrategyLike, **kwargs: Any) -> None:
        now = trained(self.adapter)
        for name, gradient in self._gradient.items():
            self._path[name] -= gradient * (now[name].detach() - self._before[name])

    def measure(self, strategy: StrategyLike) -> Weights:
        now = snapshot(self.adapter)
        importance = {}
        for name, path in self._path.items():
            moved = now[name] - self._begin[name]
            # The damping keeps the division finite where a weight has hardly moved.
            importance[name] = path.clamp_min(0) / (moved.square() + self.config.damping)
        self._path = {}
        self._begin = {}
        self._before = {}
        self._gradient = {}
        return importance
