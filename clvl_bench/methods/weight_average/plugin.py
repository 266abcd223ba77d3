"""Weight average: after each experience the weights are a mean over the path of its training.

The weight ensemble of Zheng et al. 2023 (ZSCL, arXiv:2303.06628, equation 7): every n steps the
mean takes in the weights of now; it starts at the experience's first weights and takes in those
after its first step, as the released code counts, so that 1001 steps with n = 100 give the
arithmetic mean of 12 points. `running` is the exponential mean of Tarvainen & Valpola 2017
(arXiv:1703.01780) instead. Testing and the next experience go on from the mean.
"""

from typing import Any, Literal

from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.plugin import Plugin, PluginContext, refuse_without_gradient
from clvl_bench.methods._base.weights import Weights, put, snapshot
from clvl_bench.methods.weight_average.config import WeightAverageConfig


class WeightAverage(Plugin):
    """A mean of weights within each experience; nothing of it outlives the experience but the
    weights themselves.

    Args:
        every: steps from one point of the mean to the next; 0 takes no mean.
        average: all points alike, or each new one with the share 1 - decay.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        every: int = 100,
        average: Literal["uniform", "running"] = "uniform",
        decay: float = 0.99,
    ) -> None:
        super().__init__()
        self.adapter, self.every, self.average, self.decay = adapter, every, average, decay
        self.points = self._steps = 0
        self._mean: Weights = {}

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        self._mean, self.points, self._steps = snapshot(self.adapter), 1, 0

    def after_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        if self.every and self._steps % self.every == 0:
            self.points += 1
            share = 1 / self.points if self.average == "uniform" else 1 - self.decay
            for name, value in snapshot(self.adapter).items():
                self._mean[name].lerp_(value, share)
        self._steps += 1

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        if self.every:
            put(self.adapter, self._mean)
        self._mean = {}


def build(config: WeightAverageConfig, context: PluginContext) -> WeightAverage:
    refuse_without_gradient(config.kind, context.adapter)
    return WeightAverage(
        context.adapter, every=config.every, average=config.average, decay=config.decay
    )
