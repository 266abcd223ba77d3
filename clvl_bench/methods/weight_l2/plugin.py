"""L2 to the previous weights: the weight constraint of ZSCL.

Zheng et al. 2023 (arXiv:2303.06628, equation 6): the loss grows by the squared distance of
everything that trains from its values before the experience, summed over all parameters as in the
released code (`--l2 1`).
"""

from typing import Any

from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import Weights, snapshot, squared_distance
from clvl_bench.methods.weight_l2.config import WeightL2Config


class WeightL2(Plugin):
    """`weight` times the squared distance from the weights before the experience, which are kept no
    longer than that.
    """

    def __init__(self, config: WeightL2Config, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.adapter = context.adapter
        self._previous: Weights = {}

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self._previous = snapshot(self.adapter)

    def before_backward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        distance = squared_distance(self.adapter, self._previous)
        strategy.loss = strategy.loss + self.config.weight * distance

    def after_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self._previous = {}
