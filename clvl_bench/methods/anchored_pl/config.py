"""Settings of `anchored_pl`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class AnchoredPlConfig(PluginConfig):
    """Pseudo-labels of the zero-shot model and an average of the learner, passed class by class."""

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "anchored_pl"
    weight: float = Field(1.0, ge=0, description="lambda_u")
    share: float = Field(
        0.5, ge=0, le=1, description="of the averaged learner, from the second experience on"
    )
    momentum: float = Field(0.99, ge=0, le=1, description="of the average")
    keep: float = Field(
        0.5, gt=0, le=1, description="rho, share of a class's recent samples that passes"
    )
    window: int = Field(2048, ge=1, description="recent samples, over all classes")
    margin: float = Field(1.5, ge=0, description="least confidence, in times of chance")
    among: Literal["scored", "experience"] = Field(
        "scored",
        description="classes that a pseudo-label may be of: all that training compares, or those "
        "of the experience",
    )
