"""Weight average: after each experience the weights are a mean over the path of its training.

The weight ensemble of Zheng et al. 2023 (ZSCL, arXiv:2303.06628, equation 7): every n steps the
mean takes in the weights of now; it starts at the experience's first weights and takes in those
after its first step, as the released code counts, so that 1001 steps with n = 100 give the
arithmetic mean of 12 points. `running` is the exponential mean of Tarvainen & Valpola 2017
(arXiv:1703.01780) instead. Testing and the next experience go on from the mean.
"""

from typing import Any

from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import Weights, put, snapshot
from clvl_bench.methods.weight_average.config import WeightAverageConfig


class WeightAverage(Plugin):
    """A mean of weights within each experience; nothing of it outlives the experience but the
    weights themselves.
    """

    def __init__(self, config: WeightAverageConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.adapter = context.adapter
        self.points = 0
        self._steps = 0
        self._mean: Weights = {}

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self._mean = snapshot(self.adapter)
        self.points = 1
        self._steps = 0

    def after_training_iteration(self, strategy: StrategyLike, **kwargs: Any) -> None:
        config = self.config
        if config.every and self._steps % config.every == 0:
            self.points += 1
            share = 1 / self.points if config.average == "uniform" else 1 - config.decay
            for name, value in snapshot(self.adapter).items():
                self._mean[name].lerp_(value, share)
        self._steps += 1

    def after_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if self.config.every:
            put(self.adapter, self._mean)
        self._mean = {}
