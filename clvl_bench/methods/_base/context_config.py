"""Settings of learned contexts: how they start and where they stand."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig, TowerPart

LENGTH = 16
"""Context vectors of a random start, as published with CoOp."""


class ContextConfig(AdapterConfig):
    """What every learned context has: how it starts and where it stands."""

    input_kind: ClassVar[InputKind] = "image_features"
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("word_embeddings",)
    context_init: Literal["template", "random"] = Field(
        "template",
        description="start as the words of the dataset's first template, or as noise of deviation "
        "0.02",
    )
    context_length: int = Field(
        LENGTH, ge=1, le=64, description="number of context vectors for a random start"
    )
    position: Literal["end", "middle", "front"] = Field(
        "end", description="where the class name stands after a random start"
    )

    @model_validator(mode="after")
    def _template_fits(self) -> Self:
        if self.context_init == "template" and self.position != "end":
            raise ValueError(
                "position: a context that starts as a template stands where the template's words "
                "stand; "
                'set position = "end", or context_init = "random"'
            )
        if self.context_init == "template" and self.context_length != LENGTH:
            raise ValueError(
                "context_length: a context that starts as a template is as long as the template's "
                "words; "
                'leave it out, or set context_init = "random"'
            )
        return self
