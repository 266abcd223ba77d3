"""Settings of `ewc`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class EwcConfig(PluginConfig):
    """EWC: weights are held by their Fisher information, exact per sample (Kirkpatrick et al. 2017,
    arXiv:1612.00796).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    compares_weights: ClassVar[bool] = True
    kind: str = "ewc"
    strength: float = Field(
        1000.0, ge=0, description="lambda, on half of the weighted squared distance"
    )
    form: Literal["separate", "online"] = Field(
        "separate",
        description="a term for each experience, or one running term (Schwarz et al. 2018, "
        "arXiv:1805.06370)",
    )
    gamma: float = Field(
        1.0, ge=0, le=1, description="online: what is left of the old Fisher when a new one comes"
    )
    fisher: Literal["exact", "empirical"] = Field(
        "exact",
        description="over the classes as the model believes in them, or of the labels that are "
        "there",
    )
    samples: int = Field(256, ge=1, description="of each experience, for its Fisher")

    @property
    def needs_experiences(self) -> bool:
        return True
