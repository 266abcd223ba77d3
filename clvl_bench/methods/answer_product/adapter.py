"""Gated product: image and question features multiply, and what comes out is compared with the
texts of the answers.

The element-wise fusion of Antol et al. 2015 (VQA, arXiv:1505.00468) and Lobry et al. 2020 (RSVQA,
arXiv:2003.07333), on frozen CLIP features, with answers as text embeddings in the place of rows: an
answer that comes later needs no new weights, and one that never came has a score. With `sees =
"question"` the image is a constant: the blind baseline. A head that learns from nothing cannot
start at zero-shot by its own scores; until its first experience is over the untouched backbone
answers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds
from clvl_bench.methods._base.answer_adapter import AnswerAdapter
from clvl_bench.methods.answer_product.config import ProductConfig

FIRST_SCALE = 10.0
"""s at the start: of a cosine, as steep as a softmax over a few dozen answers needs."""


class Product(AnswerAdapter):
    """v = W_v LN(image), u = W_q LN(question); r = MLP(LN[v; u; v u; |v - u|]); score s cos(r, text
    of the answer).
    """

    def __init__(
        self, config: ProductConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        width = backbone.width
        hidden = config.hidden
        self._blind = config.sees == "question"
        self._unseen = config.unseen
        self.of_image = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden))
        self.of_question = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden))
        self.fused = nn.Sequential(
            nn.LayerNorm(4 * hidden),
            nn.Dropout(config.dropout),
            nn.Linear(4 * hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, width),
        )
        self.log_scale = nn.Parameter(torch.tensor(FIRST_SCALE).log())
        if self._blind:
            self.of_image.requires_grad_(False)

    def answer(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        asked = self.question_batch(inputs)
        image = torch.ones_like(asked.image) if self._blind else asked.image
        v = self.of_image(image)
        u = self.of_question(asked.question)
        said = self.fused(torch.cat([v, u, v * u, (v - u).abs()], dim=1))
        scores = self.log_scale.exp() * l2_normalize(said) @ self._classifier(candidates).T
        return self.given(scores, candidates, self._unseen)

    def classifier(self, candidates: ClassIds) -> Tensor:
        """The answers' own texts, one unit row each [candidates, width]: frozen."""
        return self.class_texts(candidates)
