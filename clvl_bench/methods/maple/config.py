"""Settings of `maple`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig, TowerPart


class MapleConfig(AdapterConfig):
    """MaPLe: deep prompts in both towers, coupled (Khattak et al. 2023, arXiv:2210.03117)."""

    input_kind: ClassVar[InputKind] = "pixels"
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("layers",)
    kind: str = "maple"
    context_length: int = Field(
        2, ge=1, le=64, description="learned tokens; after a template, at most as many as its words"
    )
    context_init: Literal["template", "random"] = Field(
        "template",
        description="start as the first words of the dataset's first template, or as noise of "
        "deviation 0.02",
    )
    depth: int = Field(
        9, ge=1, description="layers with prompts of their own, as far as a tower has layers"
    )
    coupled: bool = Field(
        True, description="prompts in the image tower too, projected from those of the text tower"
    )
