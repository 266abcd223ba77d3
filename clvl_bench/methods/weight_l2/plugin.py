"""L2 to the previous weights: the weight constraint of ZSCL.

Zheng et al. 2023 (arXiv:2303.06628, equation 6): the loss grows by the squared distance of
everything that trains from its values before the experience, summed over all parameters as in the
released code (`--l2 1`).
"""

from typing import Any

from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.plugin import Plugin, PluginContext, refuse_without_gradient
from clvl_bench.methods._base.weights import Weights, snapshot, squared_distance
from clvl_bench.methods.weight_l2.config import WeightL2Config


class WeightL2(Plugin):
    """`weight` times the squared distance from the weights before the experience, which are kept no
    longer than that.
    """

    def __init__(self, adapter: Adapter, *, weight: float = 1.0) -> None:
        super().__init__()
        self.adapter, self.weight = adapter, weight
        self._previous: Weights = {}

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        self._previous = snapshot(self.adapter)

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        strategy.loss = strategy.loss + self.weight * squared_distance(self.adapter, self._previous)

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        self._previous = {}


def build(config: WeightL2Config, context: PluginContext) -> WeightL2:
    refuse_without_gradient(config.kind, context.adapter)
    return WeightL2(context.adapter, weight=config.weight)
