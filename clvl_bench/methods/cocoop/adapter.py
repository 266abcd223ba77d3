"""CoCoOp: a learned context that every image shifts: conditional prompt learning.

Zhou et al. 2022, Conditional prompt learning for vision-language models (arXiv:2203.05557). A small
net turns the unit image feature into one shift of all context words, so that every image has class
texts of its own: batch x classes sentences a step. Differs from the released code: fp32 on cached
features; any batch (theirs is 1, a limit of memory), its sentences taken through the text tower
`chunk` at a time; equal sentences encoded once, cut behind their last token; what stands behind the
name stays each dataset's own, as in `prompt`; and as there, Dassl's decay, warm-up epoch, cosine by
epoch and augmentation are settings that the shipped strategy leaves out (docs/howto/recipes.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize, with_embeddings
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.sentences import Sentences, first_context
from clvl_bench.methods.cocoop.config import CoCoOpConfig

NARROWING = 16
"""The hidden layer of the net is that many times narrower than the features, as published."""


class CoCoOp(Adapter):
    """`context` [context, token width], and the net `shift` from unit image features to a word
    [token width].

    With the published start of the net, or a context of noise, the first logits are not
    zero-shot's; they are with `shift_init = "zero"`.
    """

    start_templates = 1

    def __init__(
        self, config: CoCoOpConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found = with_embeddings(backbone, wanted_by=config.title)
        super().__init__(config, found, classes)
        self.starts_as_zeroshot = config.context_init == "template" and config.shift_init == "zero"
        self.context = nn.Parameter(first_context(config, found, classes).clone())
        hidden = max(1, found.width // NARROWING)
        last = nn.Linear(hidden, found.token_width)
        self.shift = nn.Sequential(nn.Linear(found.width, hidden), nn.ReLU(), last)
        if config.shift_init == "zero":
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
        self.shift.to(found.device)
        self.sentences = Sentences(
            found, classes, length=len(self.context), position=config.position
        )
        self._chunk = config.chunk

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        images = l2_normalize(inputs)
        contexts = self.context + self.shift(images)[:, None]  # [batch, context, token width]
        context_of = torch.arange(len(images), device=images.device)
        return self.backbone.logit_scale * self.sentences.cosines(
            images, candidates, contexts, context_of, chunk=self._chunk
        )
