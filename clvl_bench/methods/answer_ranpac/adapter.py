"""RanPAC on questions: ridge regression on a random expansion of what image and question say
together.

McDonnell et al. 2023 (arXiv:2307.02251), see `ranpac`, with [v u; v; u] of unit image features v
and question features u in the place of image features. Exact: neither order nor batches matter to
what is learned, so nothing is forgotten.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import unpacked
from clvl_bench.methods._base.adapter import ClassIds, rows_by_class
from clvl_bench.methods._base.answer_ranking import Ranking
from clvl_bench.methods.answer_ranpac.config import AnswerRanPacConfig
from clvl_bench.methods.ranpac.adapter import RanPac
from clvl_bench.methods.ranpac.config import RanPacConfig


class AnswerRanPac(RanPac):
    """Scores of learned answers; until one of the candidates is learned the untouched backbone
    answers.
    """

    def __init__(
        self, config: AnswerRanPacConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        settings = RanPacConfig(
            random_features=config.random_features, ridge=config.ridge, unseen="never"
        )
        super().__init__(settings, backbone, classes)
        self.ranking = Ranking(backbone, classes)
        # The one that RanPAC drew is as wide as an image feature; three are joined here.
        self.projection = torch.randn(3 * backbone.width, config.random_features)

    def image(self, inputs: Tensor) -> Tensor:
        return unpacked(inputs, self.backbone.width).image

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        super().observe(self._together(inputs), targets)

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        row_of = rows_by_class(self.seen_classes)
        columns = [column for column, answer in enumerate(candidates) if answer in row_of]
        if not columns:
            return self.ranking.scores(unpacked(inputs, self.backbone.width), candidates)
        rows = [row_of[candidates[column]] for column in columns]
        own = inputs.new_full((len(inputs), len(candidates)), -torch.inf)
        own[:, columns] = self.scores(l2_normalize(self._together(inputs)))[:, rows].to(own.dtype)
        return own

    def _together(self, inputs: Tensor) -> Tensor:
        """[batch, 3 width]: the three parts weigh alike."""
        asked = unpacked(inputs.double(), self.backbone.width)
        v = l2_normalize(asked.image)
        u = l2_normalize(asked.question)
        return torch.cat([l2_normalize(v * u), v, u], dim=1)
