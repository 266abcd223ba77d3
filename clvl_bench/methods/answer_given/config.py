"""Settings of `answer_given`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from clvl_bench.core.schema import Since
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class GivenConfig(AdapterConfig):
    """Nothing is trained: another model (BLIP, ViLT, SmolVLM) answers in its own words; what is no
    candidate counts as wrong. Or the candidates are ranked by how likely it would write them.
    """

    input_kind: ClassVar[InputKind] = "answerer_scores"
    trains: ClassVar[bool] = False
    kind: str = "answer_given"
    answerer: str = Field(
        "blip-vqa-base",
        description="the model: a name of list answerers, or a folder of its weights",
    )
    choice: Annotated[Literal["generated", "likelihood"], Since(before="generated")] = Field(
        "generated",
        description="what it writes; or the candidate that it would most likely write (BLIP, "
        "SmolVLM)",
    )
