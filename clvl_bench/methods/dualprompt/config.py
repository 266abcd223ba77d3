"""Settings of `dualprompt`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig, TowerPart


class DualPromptConfig(AdapterConfig):
    """DualPrompt: a general prompt, and an expert prompt for each experience (Wang et al. 2022,
    arXiv:2204.04799).
    """

    input_kind: ClassVar[InputKind] = "pixels"
    adds_parts: ClassVar[bool] = True
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("layers",)
    kind: str = "dualprompt"
    general_length: int = Field(6, ge=0, multiple_of=2, description="half keys and half values")
    frozen: bool = Field(False, description="the general prompt stays as it began")
    general_depth: int = Field(
        2, ge=0, description="layers with the general prompt, from the first on"
    )
    expert_length: int = Field(20, ge=0, multiple_of=2)
    expert_depth: int = Field(
        3,
        ge=1,
        description="layers behind them with the expert prompt, as far as the tower has layers",
    )
    init: Literal["uniform", "normal"] = Field(
        "uniform", description="U(0, 1) as published, or noise of deviation 0.02"
    )
    key_weight: float = Field(
        1.0, ge=0, description="lambda, on 1 - cosine of a sample and its expert's key"
    )
