"""SI: weights are held by how much each one lowered the loss on its way.

Zenke et al. 2017, Continual learning through synaptic intelligence (arXiv:1703.04200, equations 3
to 5): along the training of an experience, omega_k adds up minus gradient times step; after it,
Omega_k grows by omega_k / (distance^2 + damping). The gradient is that of the loss without SI's own
penalty. A negative omega counts as 0: a spring that pushes has no minimum. (Mammoth lets it be
negative; all else is the same.)
"""

from typing import Any

import torch

from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.consolidation import Consolidation
from clvl_bench.methods._base.plugin import PluginContext, refuse_without_gradient
from clvl_bench.methods._base.weights import Weights, snapshot, trained
from clvl_bench.methods.si.config import SiConfig


class Si(Consolidation):
    """strength * sum_k Omega_k (theta_k - theta*_k)^2.

    Args:
        damping: xi, keeps the division finite where a weight has hardly moved.
    """

    def __init__(self, adapter: Adapter, *, strength: float = 0.1, damping: float = 1e-3) -> None:
        super().__init__(adapter, factor=strength)
        self.damping = damping
        self._path: Weights = {}
        self._begin: Weights = {}
        self._before: Weights = {}
        self._gradient: Weights = {}

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        super().before_training_exp(strategy, **kwargs)
        self._begin = snapshot(self.adapter)
        self._path = {name: torch.zeros_like(value) for name, value in self._begin.items()}

    def before_update(self, strategy: Any, **kwargs: Any) -> None:
        self._before, self._gradient = snapshot(self.adapter), {}
        for name, weight in trained(self.adapter).items():
            if weight.grad is not None:
                own = (
                    2 * self.factor * self.importance[name] * (weight.detach() - self.centre[name])
                )
                self._gradient[name] = weight.grad - own

    def after_update(self, strategy: Any, **kwargs: Any) -> None:
        for name, gradient in self._gradient.items():
            self._path[name] -= gradient * (
                trained(self.adapter)[name].detach() - self._before[name]
            )

    def measure(self, strategy: Any) -> Weights:
        moved = {name: value - self._begin[name] for name, value in snapshot(self.adapter).items()}
        found = {
            name: path.clamp_min(0) / (moved[name].square() + self.damping)
            for name, path in self._path.items()
        }
        self._path, self._begin, self._before, self._gradient = {}, {}, {}, {}
        return found


def build(config: SiConfig, context: PluginContext) -> Si:
    refuse_without_gradient(config.kind, context.adapter)
    return Si(context.adapter, strength=config.strength, damping=config.damping)
