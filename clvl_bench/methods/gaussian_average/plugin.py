"""Gaussian average: after each experience the weights are the mean of those at the ends of its
epochs, weighed by a Gaussian of the epoch's number.

Khattak et al. 2023, Self-regulating prompts (PromptSRC, arXiv:2307.06948, section 3.2). The weights
of all epochs are 1 together, so that their number must be known before. Open in the paper, which
has one task: each experience has a mean of its own, and the next one goes on from it.
"""

from typing import Any

import torch

from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import Weights, put, snapshot
from clvl_bench.methods.gaussian_average.config import GaussianAverageConfig


class GaussianAverage(Plugin):
    """A mean of weights within each experience; nothing of it outlives the experience but the
    weights themselves.
    """

    def __init__(self, config: GaussianAverageConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.adapter = context.adapter
        self._epochs = 0
        self._mean: Weights = {}

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self._epochs = 0
        self._mean = {}

    def after_training_epoch(self, strategy: StrategyLike, **kwargs: Any) -> None:
        shares = epoch_shares(strategy.train_epochs, self.config.mean, self.config.deviation)
        share = shares[self._epochs]
        for name, value in snapshot(self.adapter).items():
            weighed = share * value
            self._mean[name] = self._mean[name] + weighed if name in self._mean else weighed
        self._epochs += 1

    def after_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if self._mean:  # there was an epoch
            put(self.adapter, self._mean)
        self._mean = {}


def epoch_shares(epochs: int, mean: float, deviation: float) -> list[float]:
    """The weight of each epoch, 1 together: a Gaussian of its number, the first one is 1."""
    numbers = torch.arange(1, epochs + 1, dtype=torch.float64)
    # A softmax of the exponents: far from the mean a density would be 0 for all of them.
    exponents = -0.5 * ((numbers - mean) / deviation) ** 2
    shares: list[float] = exponents.softmax(dim=0).tolist()
    return shares
