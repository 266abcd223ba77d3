"""Linear probe: one row and one bias a class on frozen unit image features, begun at the class's
text.

Radford et al. 2021 (arXiv:2103.00020), in the text-initialised form of Wortsman et al. 2022
(WiSE-FT, arXiv:2109.01903). Differs from the offline probe: a head that grows by the classes of
each experience and follows the gradient.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds
from clvl_bench.methods._base.heads import Head
from clvl_bench.methods.linear.config import LinearConfig


class Linear(Head):
    """`weight` [learned, width] and `bias` [learned]; logits are scale * unit features @ weight' +
    bias.
    """

    bias: nn.Parameter

    def __init__(
        self, config: LinearConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self.bias = nn.Parameter(torch.zeros(0))

    def grow(self, class_ids: ClassIds) -> None:
        super().grow(class_ids)
        bias = self.bias.data
        self.bias = nn.Parameter(torch.cat([bias, bias.new_zeros(len(class_ids))]))

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        weight = self.rows(candidates, self.weight, self.class_texts(candidates))
        bias = self.rows(candidates, self.bias, inputs.new_zeros(len(candidates)))
        return self.backbone.logit_scale * l2_normalize(inputs) @ weight.T + bias
