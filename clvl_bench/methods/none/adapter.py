"""Zero-shot: nothing is trained; only the list of scored classes grows.

Radford et al. 2021 (arXiv:2103.00020); as a continual baseline: Thengane et al. 2022,
Continual-CLIP (arXiv:2210.03114).
"""

from torch import Tensor

from clvl_bench.methods._base.adapter import Adapter, ClassIds


class ZeroShot(Adapter):
    """The backbone's own class texts, averaged over all templates."""

    learns = "nothing"

    def classifier(self, candidates: ClassIds) -> Tensor:
        return self.class_texts(candidates)
