"""Full fine-tuning of both towers, the logit scale excepted.

The continual fine-tuning baseline of Zheng et al. 2023 (ZSCL, arXiv:2303.06628).
"""

from collections.abc import Sequence

from clvl_bench.backbones.base import Backbone, TowerBackbone, with_towers
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.towers import TrainedTowers
from clvl_bench.methods.full.config import FullConfig


class FineTuned(TrainedTowers):
    """Every weight of both towers trains."""

    def __init__(self, backbone: TowerBackbone, table: Sequence[Candidate]) -> None:
        super().__init__(backbone, table)
        self.towers.requires_grad_(True)


def build(config: FullConfig, backbone: Backbone, table: Sequence[Candidate]) -> FineTuned:
    return FineTuned(with_towers(backbone, wanted_by="the adapter 'full'"), table)
