"""Settings of augmentation: which views of an image training sees in its place."""

from typing import Self

from pydantic import Field, model_validator

from clvl_bench.core.schema import Schema


class AugmentationConfig(Schema):
    """A view is a part of an image, resized to the backbone's size, and may be mirrored.

    The part has between 3:4 and 4:3 for its sides, as everywhere in the papers. ZSCL and
    MoE-Adapters show 0.9 to 1 of an image's area and mirror nothing; CoOp and its kin, L2P,
    DualPrompt and CODA-Prompt show 0.08 to 1 and mirror every second view.
    """

    scale: tuple[float, float] = Field(
        description="smallest and largest share of an image's area that a view shows"
    )
    flip: bool = Field(False, description="a view is mirrored left to right with probability 1/2")
    views: int = Field(
        4,
        ge=1,
        description="of cached features: views of an image, drawn and encoded once, one of which "
        "an epoch reads; pixels have a new view in every epoch",
    )

    @model_validator(mode="after")
    def _scale_is_a_share(self) -> Self:
        smallest, largest = self.scale
        if not 0 < smallest <= largest <= 1:
            raise ValueError(
                f"scale: got {list(self.scale)}; give two shares of an image's area, the smaller "
                "one first, above 0 and at most 1, for example [0.9, 1.0]"
            )
        return self
