"""Settings of `kd`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class KdConfig(PluginConfig):
    """Distillation of what a frozen teacher says of the stream's own images (Hinton et al. 2015,
    arXiv:1503.02531).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "kd"
    weight: float = Field(1.0, ge=0)
    temperature: float = Field(1.0, gt=0)
    teacher: str | None = Field(
        None, description="name or folder of another backbone to learn from; else the untouched one"
    )

    @property
    def needs_experiences(self) -> bool:
        return True
