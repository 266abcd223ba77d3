"""Settings of `fecam`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class FecamConfig(AdapterConfig):
    """FeCAM: Mahalanobis distance with a covariance of each class (Goswami et al. 2023,
    arXiv:2309.14062).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "fecam"
    diagonal: float = Field(
        1.0, ge=0, description="alpha_1: share of the mean variance added to each variance"
    )
    off_diagonal: float = Field(
        0.0, ge=0, description="alpha_2: share of the mean covariance added to each covariance"
    )
    correlations: bool = Field(
        True, description="divide each covariance by its standard deviations"
    )
    unseen: Literal["zeroshot", "never"] = Field(
        "zeroshot", description="who scores classes that were not learned yet"
    )
