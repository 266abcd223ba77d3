"""Settings of pseudo-labels for all unlabelled samples of an experience at once."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class CandidatesConfig(PluginConfig):
    """Targets for all unlabelled samples of an experience at once."""

    input_kind: ClassVar[InputKind] = "image_features"
    weight: float = Field(1.0, ge=0, description="lambda_u")

    @property
    def needs_experiences(self) -> bool:
        return True
