"""Settings of `si`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class SiConfig(PluginConfig):
    """SI: weights are held by how much each lowered the loss on its way (Zenke et al. 2017,
    arXiv:1703.04200).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    compares_weights: ClassVar[bool] = True
    kind: str = "si"
    strength: float = Field(0.1, ge=0, description="c")
    damping: float = Field(1e-3, gt=0, description="xi")

    @property
    def needs_experiences(self) -> bool:
        return True
