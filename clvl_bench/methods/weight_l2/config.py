"""Settings of `weight_l2`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class WeightL2Config(PluginConfig):
    """ZSCL's weight constraint: squared distance from the previous weights (Zheng et al. 2023,
    arXiv:2303.06628).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "weight_l2"
    weight: float = Field(1.0, ge=0, description="of the sum over all trained parameters")

    @property
    def needs_experiences(self) -> bool:
        return True
