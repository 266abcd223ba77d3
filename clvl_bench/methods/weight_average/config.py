"""Settings of `weight_average`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class WeightAverageConfig(PluginConfig):
    """ZSCL's weight ensemble: the mean of the weights along each experience (Zheng et al. 2023,
    arXiv:2303.06628).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    compares_weights: ClassVar[bool] = True
    kind: str = "weight_average"
    every: int = Field(
        100, ge=0, description="steps from one point of the mean to the next; 0 takes no mean"
    )
    average: Literal["uniform", "running"] = "uniform"
    decay: float = Field(
        0.99, ge=0, lt=1, description="running: what is left of the mean when a point is taken in"
    )

    @property
    def needs_experiences(self) -> bool:
        return True
