"""Zero-shot: nothing is trained; only the list of scored classes grows.

Radford et al. 2021 (arXiv:2103.00020); as a continual baseline: Thengane et al. 2022,
Continual-CLIP (arXiv:2210.03114).
"""

from collections.abc import Sequence

from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods.none.config import NoneConfig


class ZeroShot(Adapter):
    """The backbone's own class texts, averaged over all templates."""

    learns = "nothing"

    def classifier(self, candidates: ClassIds) -> Tensor:
        return self.backbone.class_features([self.table[place] for place in candidates])


def build(config: NoneConfig, backbone: Backbone, table: Sequence[Candidate]) -> ZeroShot:
    return ZeroShot(backbone, table)
