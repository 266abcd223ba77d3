"""Gate threshold: behind each step of the second half of an experience the gates of CoDyRA are
shrunk by a threshold that rises, and small ones are closed.

Lu et al. 2024, Adaptive rank, reduced forgetting (CoDyRA, arXiv:2412.01004), section 3.3: a
proximal step, the soft threshold. As released, what is below the threshold after that is closed as
well, so that a gate below twice the threshold is 0. A closed gate may open again while it trains.

Differs from the released code: where an experience has fewer steps than levels, lambda rises by
several levels a step, where the release would never leave the first one, which is 0.
"""

from typing import Any

import torch
from torch import Tensor

from clvl_bench.core.errors import Mistake
from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods.codyra.adapter import Codyra
from clvl_bench.methods.gate_threshold.config import GateThresholdConfig


class GateThreshold(Plugin):
    """For the adapter `codyra`; keeps nothing.

    Raises:
        Mistake: another adapter, which has no gates.
    """

    def __init__(self, config: GateThresholdConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        if not isinstance(context.adapter, Codyra):
            raise Mistake(
                f"plugin '{config.kind}' closes gates, and the adapter "
                f"'{context.adapter.config.kind}' has none; use the adapter codyra"
            )
        self.adapter = context.adapter

    @torch.no_grad()
    def after_update(self, strategy: StrategyLike, **kwargs: Any) -> None:
        steps = strategy.train_epochs * len(strategy.dataloader)
        threshold = threshold_at(strategy.clock.train_exp_iterations, steps, self.config)
        if threshold:
            for update in self.adapter.updates:
                update.gate.copy_(shrunk(update.gate, threshold))


def threshold_at(step: int, steps: int, config: GateThresholdConfig) -> float:
    """Lambda behind a step, counted from 0, of so many: 0 up to the share `dense`, then `levels`
    even stairs up to the largest, the first of which is the second level.
    """
    dense = config.dense * steps
    if step <= dense:
        return 0.0
    level = 1 + int((step - dense) * config.levels / (steps - dense))
    return config.largest * min(level, config.levels - 1) / (config.levels - 1)


def shrunk(gates: Tensor, threshold: float) -> Tensor:
    """Gates nearer to 0 by the threshold, and 0 where they are nearer than that then."""
    size = gates.abs() - threshold
    return torch.where(size < threshold, 0.0, gates.sign() * size)
