"""Settings of `coda_prompt`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig, TowerPart


class CodaPromptConfig(AdapterConfig):
    """CODA-Prompt: prompts mixed from components by attention (Smith et al. 2023,
    arXiv:2211.13218).
    """

    input_kind: ClassVar[InputKind] = "pixels"
    adds_parts: ClassVar[bool] = True
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("layers",)
    kind: str = "coda_prompt"
    components: int = Field(
        10, ge=1, description="new ones an experience (published: 100 over 10 experiences)"
    )
    length: int = Field(8, ge=2, multiple_of=2, description="half keys and half values")
    frozen: bool = Field(
        False, description="components stay as they began, only keys and attention learn"
    )
    depth: int = Field(
        5,
        ge=1,
        description="layers with prefixes from the first on, as far as the tower has layers",
    )
    init: Literal["orthogonal", "uniform"] = Field(
        "orthogonal", description="to all earlier components, or U(0, 1)"
    )
    orthogonality: float = Field(
        0.1, ge=0, description="mu, on U U' - I (the paper's value; a later code version uses 0)"
    )
