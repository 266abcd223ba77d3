"""Settings of `clip_kd`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class ClipKdConfig(PluginConfig):
    """CLIP-KD: the frozen image tower teaches the trained one on its images (Yang et al. 2024,
    arXiv:2307.12732).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "clip_kd"
    fd: float = Field(2000.0, ge=0, description="weight of feature distillation")
    icl: float = Field(
        1.0, ge=0, description="weight of interactive contrastive learning, of labelled samples"
    )
    crd: float = Field(1.0, ge=0, description="weight of contrastive relational distillation")
    affinity: float = Field(
        0.0,
        ge=0,
        description="weight of TinyCLIP's affinity mimicking (Wu et al. 2023, arXiv:2309.12314)",
    )

    @property
    def needs_experiences(self) -> bool:
        return True
