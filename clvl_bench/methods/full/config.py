"""Settings of `full`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from clvl_bench.core.schema import Since
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class FullConfig(AdapterConfig):
    """Both towers are trained, or the image tower alone; the logit scale is not (Zheng et al. 2023,
    continual fine-tuning).
    """

    input_kind: ClassVar[InputKind] = "pixels"
    shares_images: ClassVar[bool] = True
    kind: str = "full"
    towers: Annotated[Literal["both", "image"], Since(before="both")] = Field(
        "both",
        description="which towers train; beside the image tower alone class texts are means over "
        "all templates, in training too",
    )
