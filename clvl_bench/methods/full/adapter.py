"""Full fine-tuning of both towers, the logit scale excepted, or of the image tower alone.

Both: the continual fine-tuning baseline of Zheng et al. 2023 (ZSCL, arXiv:2303.06628). The image
tower before a text head that stays as zero-shot has it: Ilharco et al. 2023 (arXiv:2212.04089) and
who merges weights since.
"""

from collections.abc import Sequence

from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods._base.towers import TrainedTowers
from clvl_bench.methods.full.config import FullConfig


class FineTuned(TrainedTowers):
    """Every weight of both towers trains, or every weight of the image tower."""

    def __init__(
        self, config: FullConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self._texts_train = config.towers == "both"
        if self._texts_train:
            self.towers.requires_grad_(True)
            return
        for name in self.towers.image_parts:
            self.towers.get_submodule(name).requires_grad_(True)

    def classifier(self, candidates: ClassIds) -> Tensor:
        # The backbone encodes texts that stay once, and keeps them.
        return super().classifier(candidates) if self._texts_train else self.class_texts(candidates)

    def state(self) -> State:
        """A text tower that does not train is the public one: it is neither saved nor counted."""
        whole = super().state()
        if self._texts_train:
            return whole
        parts = tuple(f"towers.{name}." for name in self.towers.image_parts)
        return {name: tensor for name, tensor in whole.items() if name.startswith(parts)}

    def load(self, state: State) -> None:
        public = {} if self._texts_train else super().state()
        super().load({**public, **state})
