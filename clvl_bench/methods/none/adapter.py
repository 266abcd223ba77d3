"""Zero-shot: nothing is trained; only the list of scored classes grows.

Radford et al. 2021 (arXiv:2103.00020); as a continual baseline: Thengane et al. 2022,
Continual-CLIP (arXiv:2210.03114).
"""

from collections.abc import Sequence

from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate, in_template
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods.none.config import NoneConfig


class ZeroShot(Adapter):
    """The backbone's own class texts, averaged over all templates or in one of them; with one,
    zero-shot is not what it is with all.
    """

    learns = "nothing"

    def __init__(
        self, config: NoneConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self.starts_as_zeroshot = config.template is None
        self._named = in_template(self.classes, config.template)

    def classifier(self, candidates: ClassIds) -> Tensor:
        return self.backbone.class_features([self._named[class_id] for class_id in candidates])
