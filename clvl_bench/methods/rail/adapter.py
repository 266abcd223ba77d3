"""RAIL, primal form: ridge regression on random features, fused with zero-shot.

Xu et al. 2024, Advancing cross-domain discriminability in continual learning of vision-language
models (arXiv:2406.18868). Differs from the released code: sums and one solve in float64 instead of
the recursion on the inverse in fp32 (the same in exact arithmetic); zero-shot scores from all of a
dataset's templates where theirs is "a photo of a {}."; candidates are the benchmark's, which in
label space `all` is their X-TAIL.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.fusion import fused, refuse_without_texts
from clvl_bench.methods._base.ridge import RandomRidge
from clvl_bench.methods.rail.config import RailConfig


class Rail(RandomRidge):
    """R is uniform in +-1 / sqrt(width), torch's start of a linear layer; lambda and the fusion are
    fixed.

    Raises:
        Mistake: classes without text, and a share for them.
    """

    def __init__(
        self, config: RailConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        refuse_without_texts(backbone, classes, config.fusion)
        bound = backbone.width**-0.5
        projection = torch.empty(backbone.width, config.random_features).uniform_(-bound, bound)
        super().__init__(config, backbone, classes, projection=projection, ridge=config.ridge)
        self._fusion = config.fusion

    def combined(self, own: Tensor, zeroshot: Tensor) -> Tensor:
        return fused(own, zeroshot, self._fusion)
