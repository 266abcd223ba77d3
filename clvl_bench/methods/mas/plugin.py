"""MAS: weights are held by how much the model's outputs depend on them; no label is needed.

Aljundi et al. 2018, Memory aware synapses (arXiv:1711.09601, equations 2 to 4): the mean over
samples of the absolute gradient of the squared length of the outputs. Differs from the released
code, which takes the gradient of a batch's mean: gradients are those of each sample. The outputs
are cosines with the experience's class texts, not logits: the scale of CLIP would enter with its
square.
"""

from torch import Tensor

from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.consolidation import CHUNK, Consolidation, absolute_gradients, drawn
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import Weights
from clvl_bench.methods.mas.config import MasConfig


class Mas(Consolidation):
    """strength * sum_k Omega_k (theta_k - theta*_k)^2, Omega the sum over experiences."""

    def __init__(self, config: MasConfig, context: PluginContext) -> None:
        super().__init__(context.adapter, factor=config.strength)
        self.config = config
        self._seed = context.seed

    def measure(self, strategy: StrategyLike) -> Weights:
        inputs, _ = drawn(strategy, self.config.samples, "mas", self._seed)
        classes = tuple(strategy.experience.classes_in_this_experience)
        return sensitivity(self.adapter, inputs, classes)


def sensitivity(
    adapter: Adapter, inputs: Tensor, classes: ClassIds, *, chunk: int = CHUNK
) -> Weights:
    """Mean over the samples of |d (sum over classes of the squared cosine) / d theta|."""

    def outputs(part: Tensor) -> tuple[Tensor, Tensor]:
        cosines = adapter.logits(part, classes) / adapter.backbone.logit_scale
        length = cosines.square().sum(dim=-1)
        return length, length.new_ones(len(length))

    return absolute_gradients(adapter, inputs, outputs, chunk=chunk)
