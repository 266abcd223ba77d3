"""Prompts for questions: learned words before the question and before the answer, everything else
frozen.

The context of Zhou et al. 2022 (CoOp, arXiv:2109.01134, see `prompt`) in the two places of a ranked
sentence. It starts as the words "question:" and "answer:", which the untouched backbone does not
read there: the start is close to zero-shot, not equal to it. Pictures of held-out datasets have no
question; their classes are scored by their own templates, as they are.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, TowerBackbone, with_embeddings
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import unpacked
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.answer_prompts import AnswerPrompts, Ids, padded, ranked
from clvl_bench.methods._base.sentences import word_embeddings
from clvl_bench.methods.answer_prompt.config import AnswerPromptConfig


class AnswerPrompt(Adapter):
    """`asking` and `answering` [words, token width] stand before the question and behind it."""

    backbone: TowerBackbone
    starts_as_zeroshot = False

    def __init__(
        self, config: AnswerPromptConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found = with_embeddings(backbone, wanted_by=config.title)
        super().__init__(config, found, classes)
        self.asking = nn.Parameter(_first(found, "question:", config.context_length))
        self.answering = nn.Parameter(_first(found, "answer:", config.context_length))
        self.layout = AnswerPrompts(found, classes, reserved=2 * config.context_length)

    def image(self, inputs: Tensor) -> Tensor:
        return unpacked(inputs, self.backbone.width).image

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        templates = 1 if self.training else None

        def texts(question: Ids) -> Tensor:
            return self.layout.features(candidates, question, self._encode, templates=templates)

        asked = unpacked(inputs, self.backbone.width)
        return self.backbone.logit_scale * ranked(asked, len(candidates), texts)

    def _encode(self, beginning: Ids, rests: Sequence[Ids]) -> Tensor:
        """Features [rests, width] of a question with each of some answers, the learned words before
        both; a class of a picture has no question and none of these words.
        """
        towers = self.backbone.towers
        device = self.asking.device
        behind, ends = padded(rests, device)
        words = towers.embed(torch.tensor([beginning], dtype=torch.long, device=device))
        first = len(self.backbone.prefix)
        if len(beginning) > first:
            start, question = words[:, :first], words[:, first:]
            words = torch.cat([start, self.asking[None], question, self.answering[None]], dim=1)
        features: Tensor = towers.text_after(words, towers.embed(behind), ends)[0].float()
        return features


def _first(backbone: TowerBackbone, words: str, length: int) -> Tensor:
    """Embeddings [length, token width] of words, repeated until there are enough of them."""
    known = word_embeddings(backbone, words)
    times = math.ceil(length / len(known))
    return known.repeat(times, 1)[:length].clone()
