"""Concat-linear: one linear layer on unit image and question features side by side, a row for each
answer that arrived.

The simplest head of Deuser et al. 2022, Less is more: linear layers on CLIP features as powerful
VizWiz model (arXiv:2206.05281), without their answer-type gate and their two backbones. A sum of an
image part and a question part cannot let the question choose what of the image counts; with `sees =
"question"` it is the blind baseline.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds
from clvl_bench.methods._base.answer_adapter import AnswerAdapter
from clvl_bench.methods.answer_concat.config import ConcatConfig


class Concat(AnswerAdapter):
    """`weight` [arrived, width or 2 width] and `bias` [arrived], at first zero; scores are scaled
    as the backbone's cosines.
    """

    weight: nn.Parameter
    bias: nn.Parameter

    def __init__(
        self, config: ConcatConfig, backbone: Backbone, table: Sequence[Candidate]
    ) -> None:
        super().__init__(backbone, table)
        self._blind = config.sees == "question"
        width = backbone.width if self._blind else 2 * backbone.width
        self.weight, self.bias = nn.Parameter(torch.zeros(0, width)), nn.Parameter(torch.zeros(0))

    def grow(self, answers: ClassIds) -> None:
        weight, bias = self.weight.data, self.bias.data
        self.weight = nn.Parameter(
            torch.cat([weight, weight.new_zeros(len(answers), weight.shape[1])])
        )
        self.bias = nn.Parameter(torch.cat([bias, bias.new_zeros(len(answers))]))

    def answer(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        asked = self.question_batch(inputs)
        seen = (
            l2_normalize(asked.question)
            if self._blind
            else torch.cat([l2_normalize(asked.image), l2_normalize(asked.question)], dim=1)
        )
        return self.spread(self.backbone.logit_scale * seen @ self.weight.T + self.bias, candidates)


def build(config: ConcatConfig, backbone: Backbone, table: Sequence[Candidate]) -> Concat:
    return Concat(config, backbone, table)
