"""LoRA, merged into the weights after each experience; the next one starts with a fresh update.

Hu et al. 2022 (arXiv:2106.09685). With a `share` below 1 the weights after an experience are (1 -
share) of those before it and share of those it reached: WiSE-FT between an experience and the one
before (Wortsman et al. 2022, arXiv:2109.01903). Merged in fp32; what is kept are the merged
projections, whose size does not grow with the experiences.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.core.rng import keyed
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import State
from clvl_bench.methods.lora.adapter import Lora
from clvl_bench.methods.lora_merged.config import LoraMergedConfig


class LoraMerged(Lora):
    """Projections of its own, as buffers because no gradient moves them, and one update beside
    each.
    """

    def __init__(
        self, config: LoraMergedConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes, share_weights=False)
        self._share = config.share
        self._start = int(torch.randint(2**31, ()))
        self._merged = 0
        # A buffer takes the parameter's name: what merges is kept, but no gradient moves it.
        for projection in self.projections:
            base = projection.get_base_layer()
            weight = base.weight.detach()
            del base.weight
            base.register_buffer("weight", weight)

    @torch.no_grad()
    def end(self) -> None:
        """W + share * (alpha / rank) B A; then a fresh A, and B = 0."""
        self._merged += 1
        with keyed("fresh update", self._start, self._merged):
            for projection in self.projections:
                update = projection.get_delta_weight("default")
                projection.get_base_layer().weight += self._share * update
                projection.reset_lora_parameters("default", init_lora_weights=True)
        self.forget_classifiers()

    def state(self) -> State:
        return {"merged": self._merged, **super().state()}

    def load(self, state: State) -> None:
        self._merged = state["merged"]
        super().load(state)

    def _updates(self) -> dict[str, Tensor]:
        merged = {
            name: buffer
            for name, buffer in self.named_buffers()
            if name.endswith("base_layer.weight")
        }
        return {**super()._updates(), **merged}
