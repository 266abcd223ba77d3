"""Settings of `fixmatch`."""

from typing import Annotated, ClassVar

from pydantic import Field

from clvl_bench.core.schema import Since
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class FixMatchConfig(PluginConfig):
    """FixMatch, or with `flexible` FlexMatch (Sohn et al. 2020, arXiv:2001.07685; Zhang et al.
    2021, arXiv:2110.08263).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "fixmatch"
    weight: float = Field(1.0, ge=0, description="lambda_u")
    tau: float = Field(
        0.95, ge=0, description="least confidence; above 1 no pseudo-label is learned from"
    )
    flexible: bool = Field(
        False,
        description="a threshold for each class, lower where it is seldom predicted with "
        "confidence",
    )
    count_momentum: float = Field(
        0.999, ge=0, lt=1, description="flexible: of the counts of confident predictions"
    )
    average_momentum: Annotated[float, Since(before=0.0)] = Field(
        0.0,
        ge=0,
        lt=1,
        description="of the moving average of the weights that is tested in their place, 0.999 in "
        "the released code; 0 tests the weights themselves",
    )
