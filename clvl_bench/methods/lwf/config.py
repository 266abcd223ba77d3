"""Settings of `lwf`."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class LwfConfig(PluginConfig):
    """LwF in ZSCL's form: held near the model before the experience (Li & Hoiem 2016,
    arXiv:1606.09282).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "lwf"
    weight: float = Field(1.0, ge=0)
    temperature: float = Field(2.0, gt=0)
    batch_size: int | None = Field(
        None, ge=1, description="images a step; as many as a training batch has if left out"
    )
    texts: Literal["student", "teacher"] = Field(
        "teacher",
        description="whose texts the student's images are compared with: teacher leaves the text "
        "side free",
    )
    sentences: Literal["classes", "random"] = Field(
        "classes", description="texts of the classes, or random ones (LwF-VR)"
    )
    random_sentences: int = Field(1000, ge=2)

    @model_validator(mode="after")
    def _texts_fit(self) -> Self:
        if self.sentences == "random" and self.texts == "student":
            raise ValueError('sentences: random ones are the teacher\'s; set texts = "teacher"')
        return self

    @property
    def needs_experiences(self) -> bool:
        return True
