"""Settings of `rail_dual`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class RailDualConfig(AdapterConfig):
    """RAIL, dual: kernel ridge regression on all features so far, fused with zero-shot (Xu et al.
    2024).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "rail_dual"
    kernel: Literal["rbf", "linear"] = "rbf"
    gamma: float = Field(0.1, gt=0, description="of the rbf kernel: exp(-gamma |x - z|^2)")
    ridge: float = Field(1e-3, gt=0, description="lambda")
    fusion: float = Field(
        0.8,
        ge=0,
        le=1,
        description="beta: share of the regression beside zero-shot's probabilities",
    )
