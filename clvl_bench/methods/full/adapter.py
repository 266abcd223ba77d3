"""Full fine-tuning of both towers, the logit scale excepted.

The continual fine-tuning baseline of Zheng et al. 2023 (ZSCL, arXiv:2303.06628).
"""

from collections.abc import Sequence

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.towers import TrainedTowers
from clvl_bench.methods.full.config import FullConfig


class FineTuned(TrainedTowers):
    """Every weight of both towers trains."""

    def __init__(
        self, config: FullConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self.towers.requires_grad_(True)
