"""Ranking of answers without training: the zero-shot row of question answering (see `ranking`).

Song et al. 2022, CLIP models are few-shot learners (arXiv:2203.07190). The image-free prior, off by
default, is the mean unit image of the stream so far: a sentence's score on it says how likely its
words are, not what is on the image. No label is used.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import unpacked
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.answer_ranking import Ranking
from clvl_bench.methods.answer_ranking.config import RankingConfig


class AnswerRanking(Adapter):
    """Nothing is trained; with the prior, the sum of unit images [width] and their number are
    kept.
    """

    total: Tensor
    count: Tensor

    def __init__(
        self, config: RankingConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self.learns = "closed_form" if config.remove_prior else "nothing"
        self.ranking = Ranking(backbone, classes)
        if config.remove_prior:
            self.register_buffer("total", torch.zeros(backbone.width, dtype=torch.float64))
            self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def image(self, inputs: Tensor) -> Tensor:
        return unpacked(inputs, self.backbone.width).image

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        self.total += l2_normalize(self.image(inputs).double()).sum(dim=0)
        self.count += len(inputs)

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        prior = None
        if self.learns == "closed_form" and self.count:
            prior = (self.total / self.count).float()
        return self.ranking.scores(unpacked(inputs, self.backbone.width), candidates, prior=prior)
