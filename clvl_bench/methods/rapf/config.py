"""Settings of `rapf`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class RapfConfig(AdapterConfig):
    """RAPF: a linear map of image features, which is held by pseudo-features of old classes and
    fused with the one before (Huang et al. 2024, arXiv:2407.14143). Defaults are those of
    CIFAR-100.
    """

    input_kind: ClassVar[InputKind] = "image_features"
    adds_parts: ClassVar[bool] = True
    merges: ClassVar[bool] = True
    kind: str = "rapf"
    replayed_classes: int = Field(2, ge=1, description="old classes in a step, drawn anew each")
    draws: int = Field(
        20, ge=1, description="pseudo-features of such a class; of a hard pair there are twice that"
    )
    threshold: float = Field(
        0.55,
        ge=0,
        description="an old and a new class are a hard pair if their texts are nearer than that",
    )
    margin: float = Field(0.1, description="by which an old class of a hard pair shall be nearer")
    shrink: bool = Field(
        False, description="add mean variance and mean covariance to covariances before drawing"
    )
    fusion: float = Field(
        0.6, ge=0, le=1, description="share of the new map even where it did not move at all"
    )

    @property
    def needs_experiences(self) -> bool:
        return True
