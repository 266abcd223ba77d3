"""Settings of `mas`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class MasConfig(PluginConfig):
    """MAS: weights are held by how much the outputs depend on them (Aljundi et al. 2018,
    arXiv:1711.09601).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    compares_weights: ClassVar[bool] = True
    kind: str = "mas"
    strength: float = Field(1.0, ge=0, description="lambda")
    samples: int = Field(256, ge=1, description="of each experience, for its importance")

    @property
    def needs_experiences(self) -> bool:
        return True
