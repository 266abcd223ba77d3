"""Cross-attention: the question looks at the patches of the image, and what it finds is compared
with the texts of answers.

The co-attention of Lu et al. 2019 (ViLBERT, arXiv:1908.02265) in one direction, on frozen CLIP
tokens. Differs: one query, the pooled question, in the place of all its tokens; and patches are
hidden at random in training, since a few thousand questions overfit them. A head that learns from
nothing cannot start at zero-shot by its own scores; until its first experience is over the
untouched backbone answers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize, with_towers
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import QuestionBatch, unpacked_patches
from clvl_bench.methods._base.adapter import ClassIds
from clvl_bench.methods._base.answer_adapter import AnswerAdapter
from clvl_bench.methods.answer_attention.config import AttentionConfig

FIRST_SCALE = 10.0


class Look(nn.Module):
    """One layer: the question attends to the patches that it may see, then is transformed;
    normalised first.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.of_patches = nn.LayerNorm(width)
        self.behind = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.transform = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(4 * width, width)
        )

    def forward(self, query: Tensor, patches: Tensor, keep: Tensor) -> Tensor:
        """Queries [batch, 1, width], patches [batch, tokens, width]; `keep` [batch, tokens] is true
        for those to be seen.
        """
        seen = self.of_patches(patches)
        # torch's mask says which keys to ignore, the opposite of transformers'.
        found, _ = self.attention(
            self.before(query), seen, seen, key_padding_mask=~keep, need_weights=False
        )
        query = query + found
        moved: Tensor = query + self.transform(self.behind(query))
        return moved


class Attention(AnswerAdapter):
    """`layers` looks at the patches, then a cosine with the answers' texts times a learned scale.

    Raises:
        Mistake: the backbone has no towers, or features of a width that the heads do not divide.
    """

    def __init__(
        self, config: AttentionConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found = with_towers(backbone, wanted_by=config.title)
        super().__init__(config, found, classes)
        width = found.width
        if width % config.heads:
            raise Mistake(
                f"adapter.heads: got {config.heads}; the features of {found.name} are {width} "
                "wide, use a divisor of that"
            )
        self._tokens = found.patch_tokens
        self._patch_dropout = config.patch_dropout
        self._unseen = config.unseen
        self.looks = nn.ModuleList(
            Look(width, config.heads, config.dropout) for _ in range(config.layers)
        )
        self.said = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width))
        self.log_scale = nn.Parameter(torch.tensor(FIRST_SCALE).log())

    def question_batch(self, inputs: Tensor) -> QuestionBatch:
        return unpacked_patches(inputs, self.backbone.width, self._tokens)[0]

    def answer(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        asked, patches = unpacked_patches(inputs, self.backbone.width, self._tokens)
        keep = torch.ones(patches.shape[:2], dtype=torch.bool, device=patches.device)
        # The first token stands for the whole image and is never hidden.
        if self.training and self._patch_dropout:
            keep[:, 1:] = torch.rand(keep[:, 1:].shape, device=keep.device) >= self._patch_dropout
        found = l2_normalize(self.look(asked.question, patches, keep))
        scores = self.log_scale.exp() * found @ self._classifier(candidates).T
        return self.given(scores, candidates, self._unseen)

    def look(self, question: Tensor, patches: Tensor, keep: Tensor) -> Tensor:
        """What the question finds on the patches to be seen [batch, width]."""
        query = question[:, None]
        for layer in self.looks:
            query = layer(query, patches, keep)
        said: Tensor = self.said(query[:, 0])
        return said

    def classifier(self, candidates: ClassIds) -> Tensor:
        return self.class_texts(candidates)
