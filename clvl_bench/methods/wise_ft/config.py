"""Settings of `wise_ft`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class WiseFtConfig(PluginConfig):
    """WiSE-FT: weights between the learned ones and an anchor's (Wortsman et al. 2022,
    arXiv:2109.01903).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    compares_weights: ClassVar[bool] = True
    kind: str = "wise_ft"
    anchor: Literal["zeroshot", "previous"] = Field(
        "zeroshot", description="the weights before any training, or those before the experience"
    )
    alpha: float = Field(0.5, ge=0, le=1, description="share of the learned weights")

    @property
    def needs_experiences(self) -> bool:
        return True
