"""KgCoOp: learned context words whose class texts are held near those of the hand-written template.

Yao et al. 2023, Visual-language prompt tuning with knowledge-guided context optimization
(arXiv:2303.13283). The paper writes a squared distance between unit vectors, which is 2 (1 -
cosine); the released code uses the weight 8 on 1 - cosine, and so does this. Differs: every class
seen so far is held, not only those of the experience (text alone, no data are needed for it).
Dassl's decay, warm-up epoch, cosine by epoch and augmentation are settings that the shipped
strategy leaves out (docs/howto/recipes.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods.kgcoop.config import KgCoOpConfig
from clvl_bench.methods.prompt.adapter import Prompt


class KgCoOp(Prompt):
    """CoOp, and `weight` times the mean of 1 - cosine between learned and hand-written class
    texts.
    """

    def __init__(
        self, config: KgCoOpConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self.weight = config.anchor_weight
        self.seen: ClassIds = ()
        self._learned = torch.empty(0)

    def begin(self, class_ids: ClassIds) -> None:
        self.seen = tuple(dict.fromkeys((*self.seen, *class_ids)))

    def classifier(self, candidates: ClassIds) -> Tensor:
        """While training, all seen classes go through the text tower at once: the penalty needs
        them as well.
        """
        if not self.training or not set(candidates) <= set(self.seen):
            return super().classifier(candidates)
        self._learned = super().classifier(self.seen)
        return self._learned[[self.seen.index(class_id) for class_id in candidates]]

    def penalty(self, inputs: Tensor) -> Tensor:
        anchors = self.class_texts(self.seen, templates=1)
        cosines = (self._learned * anchors).sum(dim=-1)
        return self.weight * (1 - cosines).mean()

    def state(self) -> State:
        return {"seen": list(self.seen), **super().state()}

    def load(self, state: State) -> None:
        self.seen = tuple(state["seen"])
        super().load({name: value for name, value in state.items() if name != "seen"})
