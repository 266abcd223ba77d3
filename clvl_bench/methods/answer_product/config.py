"""Settings of `answer_product`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.answer_config import _UNSEEN, Sees, Unseen
from clvl_bench.methods._base.config import AdapterConfig


class ProductConfig(AdapterConfig):
    """A gated product of image and question features, scored against the texts of answers: unseen
    ones have a score.
    """

    input_kind: ClassVar[InputKind] = "questions"
    kind: str = "answer_product"
    sees: Sees = Field("both", description="question: the blind baseline, which sees no image")
    unseen: Unseen = Field("scored", description=_UNSEEN)
    hidden: int = Field(512, ge=1, description="H, the width of both projections")
    dropout: float = Field(0.3, ge=0, lt=1)
