"""Settings of `gate_threshold`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class GateThresholdConfig(PluginConfig):
    """CoDyRA's choice of ranks: gates are shrunk while they train, and small ones closed (Lu et al.
    2024, arXiv:2412.01004).
    """

    input_kind: ClassVar[InputKind] = "pixels"
    kind: str = "gate_threshold"
    largest: float = Field(5e-3, ge=0, description="lambda, at the end of an experience")
    levels: int = Field(50, ge=2, description="steps in which lambda rises from 0, evenly")
    dense: float = Field(
        0.5, ge=0, le=1, description="share of an experience before the first gate is shrunk"
    )

    @property
    def needs_experiences(self) -> bool:
        return True
