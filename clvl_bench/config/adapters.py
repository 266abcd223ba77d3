"""What a strategy file may say about its adapter: one class a kind. The union is the registry; `kind` names the module."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class NoneAdapter(Strict):
    """Nothing is trained: the untouched backbone with the class names seen so far (zero-shot)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["none"] = "none"


class FullAdapter(Strict):
    """Both towers are trained, the logit scale is not (Zheng et al. 2023, continual fine-tuning)."""

    reads: ClassVar[Reads] = "pixels"
    kind: Literal["full"] = "full"


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


Adapter = Annotated[NoneAdapter | FullAdapter | PromptAdapter, Field(discriminator="kind")]
