"""Settings of `promptsrc`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig, TowerPart


class PromptSrcConfig(AdapterConfig):
    """PromptSRC: deep prompts in both towers, held near what the untouched towers say (Khattak et
    al. 2023, arXiv:2307.06948).
    """

    input_kind: ClassVar[InputKind] = "pixels"
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("layers",)
    kind: str = "promptsrc"
    context_length: int = Field(
        4,
        ge=1,
        le=64,
        description="learned words of the text tower; after a template, at most as many as it has",
    )
    context_init: Literal["template", "random"] = Field(
        "template",
        description="start as the first words of the dataset's first template, or as noise of "
        "deviation 0.02",
    )
    image_length: int = Field(4, ge=1, le=64, description="learned tokens of the image tower")
    depth: int = Field(
        9, ge=1, description="layers with prompts of their own, as far as a tower has layers"
    )
    text_weight: float = Field(
        25.0, ge=0, description="on the mean of |learned - untouched| of unit class texts"
    )
    image_weight: float = Field(
        10.0, ge=0, description="on the mean of |learned - untouched| of unit image features"
    )
    logit_weight: float = Field(
        1.0, ge=0, description="on the divergence of predictions, over all numbers of the logits"
    )
