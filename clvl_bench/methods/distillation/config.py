"""Settings of `distillation`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig

Directions = Literal["both", "images", "texts"]
"""Of the loss: over the texts for each image, over the images for each text, or both."""


class DistillationConfig(PluginConfig):
    """Distillation from a frozen backbone on the benchmark's reference set (Zheng et al. 2023,
    arXiv:2303.06628).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    needs_reference: ClassVar[bool] = True
    kind: str = "distillation"
    weight: float = Field(1.0, ge=0)
    temperature: float = Field(2.0, gt=0)
    batch_size: int = Field(64, ge=1, description="reference images a step")
    teacher: str | None = Field(
        None, description="name or folder of another backbone to learn from; else the untouched one"
    )
    texts: Literal["student", "teacher"] = Field(
        "student",
        description="whose texts the student's images are compared with: teacher leaves the text "
        "side free",
    )
    reference_size: int | None = Field(
        None, ge=1, description="how many images of the reference set; all if left out"
    )
    sentences: Literal["classes", "captions"] = Field(
        "classes", description="the reference's texts: of its classes, or captions"
    )
    captions_a_step: int = Field(256, ge=1, description="captions that the student encodes a step")
    directions: Directions = Field(
        "both",
        description="the loss over the texts for each image, over the images for each text, or "
        "both",
    )

    @property
    def reads_captions(self) -> bool:
        return self.sentences == "captions"
