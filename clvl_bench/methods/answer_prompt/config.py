"""Settings of `answer_prompt`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig, TowerPart


class AnswerPromptConfig(AdapterConfig):
    """Learned words before the question and before the answer of a ranked sentence (CoOp in two
    places).
    """

    input_kind: ClassVar[InputKind] = "questions"
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("word_embeddings",)
    kind: str = "answer_prompt"
    context_length: int = Field(4, ge=1, description="learned words in each of the two places")
