"""Settings of `answer_lora`."""

from typing import ClassVar

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import TowerPart
from clvl_bench.methods._base.low_rank_config import LowRankConfig, Tower


class AnswerLoraConfig(LowRankConfig):
    """LoRA in the text tower, which learns what a question with an answer behind it looks like."""

    input_kind: ClassVar[InputKind] = "questions"
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("text_attention",)
    kind: str = "answer_lora"

    @property
    def updated_towers(self) -> tuple[Tower, ...]:
        return ("text",)
