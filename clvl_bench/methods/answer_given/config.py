"""Settings of `answer_given`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class GivenConfig(AdapterConfig):
    """Nothing is trained: another model (BLIP, ViLT) answers in its own words; what is no candidate
    counts as wrong.
    """

    input_kind: ClassVar[InputKind] = "answerer_scores"
    trains: ClassVar[bool] = False
    kind: str = "answer_given"
    answerer: str = Field(
        "blip-vqa-base",
        description="the model: a name of list answerers, or a folder of its weights",
    )
