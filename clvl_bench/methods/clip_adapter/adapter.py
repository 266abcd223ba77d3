"""CLIP-Adapter: a bottleneck on the image feature, mixed with the feature itself.

Gao et al. 2021, CLIP-Adapter: better vision-language models with feature adapters
(arXiv:2110.04544). Differs from the released code: fp32 on cached features without augmentation;
class texts are means over all templates, as for zero-shot. Without biases the bottleneck is
homogeneous, so that it does not matter whether features have length one.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, with_texts
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods.clip_adapter.config import ClipAdapterConfig


class ClipAdapter(Adapter):
    """ratio * A(x) + (1 - ratio) * x with A(x) = ReLU(W2 ReLU(W1 x)).

    The start is not zero-shot: at W2 = 0, where it would be, the outer ReLU has no gradient.

    Raises:
        Mistake: a class has no text.
    """

    def __init__(
        self, config: ClipAdapterConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found = with_texts(backbone, classes, wanted_by=config.title)
        super().__init__(config, found, classes)
        self.starts_as_zeroshot = config.ratio == 0
        narrow = max(1, backbone.width // config.reduction)
        self.bottleneck = nn.Sequential(
            nn.Linear(backbone.width, narrow, bias=False),
            nn.ReLU(),
            nn.Linear(narrow, backbone.width, bias=False),
            nn.ReLU(),
        )
        self._ratio = config.ratio

    def image(self, inputs: Tensor) -> Tensor:
        adapted: Tensor = self._ratio * self.bottleneck(inputs) + (1 - self._ratio) * inputs
        return adapted

    def classifier(self, candidates: ClassIds) -> Tensor:
        return self.class_texts(candidates)
