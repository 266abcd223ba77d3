"""Settings of `answer_concat`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.answer_config import Sees
from clvl_bench.methods._base.config import AdapterConfig


class ConcatConfig(AdapterConfig):
    """A linear layer on image and question features side by side, a row for each answer."""

    input_kind: ClassVar[InputKind] = "questions"
    kind: str = "answer_concat"
    sees: Sees = Field("both", description="question: the blind baseline, which sees no image")
