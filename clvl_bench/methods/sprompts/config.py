"""Settings of `sprompts`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import TowerPart
from clvl_bench.methods._base.context_config import ContextConfig
from clvl_bench.methods._base.selector_config import SelectorConfig


class SPromptsConfig(ContextConfig, SelectorConfig):
    """S-Prompts: image and text prompts for each domain, learned independently (Wang et al. 2022,
    arXiv:2207.12819).
    """

    input_kind: ClassVar[InputKind] = "pixels"
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("layers",)
    kind: str = "sprompts"
    image_length: int = Field(
        10, ge=0, le=256, description="learned tokens beside the patches; 0: text prompts alone"
    )
    context_init: Literal["template", "random"] = Field(
        "random", description="as published: noise of deviation 0.02"
    )
