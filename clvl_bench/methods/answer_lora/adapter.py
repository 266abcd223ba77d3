"""LoRA for questions: the text tower's low-rank update (Hu et al. 2022, see `lora`) learns what a
question with an answer behind it says. Ranking by cosine stays what it is, so the start is the
untouched backbone.

The image tower stays frozen: its features are encoded once. Every distinct question of a batch is
encoded with every answer that came, which suits tens of answers; with hundreds of them take a head
on frozen features.
"""

from collections.abc import Sequence

from torch import Tensor

from clvl_bench.backbones.base import Backbone, with_towers
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import unpacked
from clvl_bench.methods._base.adapter import ClassIds
from clvl_bench.methods._base.answer_prompts import AnswerPrompts, Ids, ranked, through
from clvl_bench.methods.answer_lora.config import AnswerLoraConfig
from clvl_bench.methods.lora.adapter import Lora


class AnswerLora(Lora):
    """Reads questions; training takes the first template of an answer, testing all of them."""

    def __init__(
        self, config: AnswerLoraConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found = with_towers(backbone, wanted_by=config.title)
        super().__init__(config, found, classes)
        self.asking = AnswerPrompts(found, classes)

    def image(self, inputs: Tensor) -> Tensor:
        return unpacked(inputs, self.backbone.width).image

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        encode = through(self.towers, inputs.device)
        templates = 1 if self.training else None

        def texts(question: Ids) -> Tensor:
            return self.asking.features(candidates, question, encode, templates=templates)

        asked = unpacked(inputs, self.backbone.width)
        return self.backbone.logit_scale * ranked(asked, len(candidates), texts)
