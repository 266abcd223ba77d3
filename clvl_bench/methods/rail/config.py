"""Settings of `rail`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class RailConfig(AdapterConfig):
    """RAIL, primal: ridge regression on random features, fused with zero-shot (Xu et al. 2024,
    arXiv:2406.18868).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "rail"
    random_features: int = Field(15000, ge=1, description="width of the random hidden layer")
    ridge: float = Field(0.1, gt=0, description="lambda")
    fusion: float = Field(
        0.8,
        ge=0,
        le=1,
        description="beta: share of the regression beside zero-shot's probabilities",
    )
