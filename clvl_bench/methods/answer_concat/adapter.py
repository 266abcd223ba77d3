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
from clvl_bench.methods._base.analytic import grown
from clvl_bench.methods._base.answer_adapter import AnswerAdapter
from clvl_bench.methods.answer_concat.config import ConcatConfig


class Concat(AnswerAdapter):
    """`weight` [arrived, width or 2 width] and `bias` [arrived], at first zero; scores are scaled
    as the backbone's cosines.
    """

    weight: nn.Parameter
    bias: nn.Parameter

    def __init__(
        self, config: ConcatConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self._blind = config.sees == "question"
        width = backbone.width if self._blind else 2 * backbone.width
        self.weight = nn.Parameter(torch.zeros(0, width))
        self.bias = nn.Parameter(torch.zeros(0))

    def grow(self, answers: ClassIds) -> None:
        self.weight = nn.Parameter(grown(self.weight.data, len(answers)))
        self.bias = nn.Parameter(grown(self.bias.data, len(answers)))

    def answer(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        asked = self.question_batch(inputs)
        seen = l2_normalize(asked.question)
        if not self._blind:
            seen = torch.cat([l2_normalize(asked.image), seen], dim=1)
        scores = self.backbone.logit_scale * seen @ self.weight.T + self.bias
        return self.spread(scores, candidates)
