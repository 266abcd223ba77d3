"""Settings of `student`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class StudentConfig(AdapterConfig):
    """An image tower of its own, read against the teacher's texts (Yang et al. 2024, CLIP-KD,
    arXiv:2307.12732).
    """

    input_kind: ClassVar[InputKind] = "pixels"
    shares_images: ClassVar[bool] = True
    kind: str = "student"
    tower: Literal["convolutional", "inherited"] = Field(
        "convolutional",
        description="a small network with a random start, or the teacher's tower with layers left "
        "out",
    )
    width: int = Field(
        32, ge=4, multiple_of=4, description="convolutional: channels of the first block"
    )
    layers: int = Field(2, ge=1, description="inherited: how many of the teacher's layers")
    fusion: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the teacher in testing; above 0 it alone scores what was never "
        "learned",
    )
