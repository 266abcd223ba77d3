"""Prompts: context learned in the place of words."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class PromptAdapter(Strict):
    """CoOp: learned context words, everything else frozen (Zhou et al. 2022, arXiv:2109.01134)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["prompt"] = "prompt"
    context_init: Literal["template", "random"] = Field(
        "template", description="start as the words of the dataset's first template, or as noise of deviation 0.02"
    )
    context_length: int = Field(16, ge=1, le=64, description="number of context vectors for a random start")
    position: Literal["end", "middle", "front"] = Field("end", description="where the class name stands after a random start")
    class_specific: bool = Field(False, description="a context for each class: cannot score classes that were never trained")

    @model_validator(mode="after")
    def _position_fits(self) -> Self:
        if self.context_init == "template" and self.position != "end":
            raise ValueError(
                "position: a context that starts as a template stands where the template's words stand; "
                'set position = "end", or context_init = "random"'
            )
        return self


class KgCoOpAdapter(PromptAdapter):
    """KgCoOp: CoOp whose class texts are held near those of the template (Yao et al. 2023, arXiv:2303.13283)."""

    kind: Literal["kgcoop"] = "kgcoop"  # type: ignore[assignment]
    anchor_weight: float = Field(8.0, ge=0, description="lambda, on the mean of 1 - cosine (the released code's form)")


class MapleAdapter(Strict):
    """MaPLe: deep prompts in both towers, coupled (Khattak et al. 2023, arXiv:2210.03117)."""

    reads: ClassVar[Reads] = "pixels"
    kind: Literal["maple"] = "maple"
    context_length: int = Field(2, ge=1, le=64, description="learned tokens; after a template, at most as many as its words")
    context_init: Literal["template", "random"] = Field(
        "template", description="start as the first words of the dataset's first template, or as noise of deviation 0.02"
    )
    depth: int = Field(9, ge=1, description="layers with prompts of their own, as far as a tower has layers")
    coupled: bool = Field(True, description="prompts in the image tower too, projected from those of the text tower")
