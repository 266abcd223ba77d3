"""WiSE-FT: after each experience the weights are a mean of those learned and those of an anchor.

Wortsman et al. 2022, Robust fine-tuning of zero-shot models (arXiv:2109.01903, equation 1), whose
anchor is the zero-shot model. Zheng et al. 2023 (ZSCL, arXiv:2303.06628) use it in a stream with
the weights before the experience as the anchor and 0.8 as the share of the new ones; learning goes
on from the mean in both forms. Differs: everything that the adapter trains is interpolated,
whatever the adapter is. (With LoRA these are the two factors, whose product is not linear in the
share.)
"""

from typing import Any

from clvl_bench.methods._base.adapter import State, tensor_bytes
from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import Weights, grown, put, snapshot
from clvl_bench.methods.wise_ft.config import WiseFtConfig


class WiseFt(Plugin):
    """Interpolation after each experience: alpha = 0 leaves the anchor, 1 changes nothing."""

    def __init__(self, config: WiseFtConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.adapter = context.adapter
        self._anchor: Weights = {}

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        now = snapshot(self.adapter)
        self._anchor = grown(self._anchor, now) if self.config.anchor == "zeroshot" else now

    def after_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        alpha = self.config.alpha
        learned = snapshot(self.adapter)
        mixed = {name: self._anchor[name].lerp(value, alpha) for name, value in learned.items()}
        put(self.adapter, mixed)
        if self.config.anchor == "previous":
            self._anchor = {}

    def state(self) -> State:
        return dict(self._anchor)

    def load(self, state: State) -> None:
        self._anchor = dict(state)

    def kept_bytes(self) -> int:
        return tensor_bytes(self.state())
