"""Settings of `mean_teacher`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class MeanTeacherConfig(PluginConfig):
    """Mean teacher: agreement with a moving average of the weights (Tarvainen & Valpola 2017,
    arXiv:1703.01780).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "mean_teacher"
    weight: float = Field(10.0, ge=0)
    momentum: float = Field(0.999, ge=0, le=1)
    ramp_steps: int = Field(100, ge=1, description="steps over which the weight rises")
