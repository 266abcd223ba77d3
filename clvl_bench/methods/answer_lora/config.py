"""Settings of `answer_lora`."""

from typing import ClassVar

from clvl_bench.inputs.kinds import Reads
from clvl_bench.methods._base.low_rank_config import LowRank


class AnswerLoraAdapter(LowRank):
    """LoRA in the text tower, which learns what a question with an answer behind it looks like."""

    reads: ClassVar[Reads] = "questions"
    kind: str = "answer_lora"
