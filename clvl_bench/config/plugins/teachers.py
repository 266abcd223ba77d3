"""Teachers: distillation, from the untouched model, from an earlier one, from another."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class DistillationPlugin(Strict):
    """Distillation from a frozen backbone on the benchmark's reference set (Zheng et al. 2023, arXiv:2303.06628)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["distillation"] = "distillation"
    weight: float = Field(1.0, ge=0)
    temperature: float = Field(2.0, gt=0)
    batch_size: int = Field(64, ge=1, description="reference images a step")
    teacher: str | None = Field(None, description="name or folder of another backbone to learn from; else the untouched one")
    texts: Literal["student", "teacher"] = Field(
        "student", description="whose texts the student's images are compared with: teacher leaves the text side free"
    )
    reference_size: int | None = Field(None, ge=1, description="how many images of the reference set; all if left out")
    sentences: Literal["classes", "captions"] = Field(
        "classes", description="the reference's texts: of its classes, or captions"
    )
    captions_a_step: int = Field(256, ge=1, description="captions that the student encodes a step")
    directions: Literal["both", "images", "texts"] = Field(
        "both", description="the loss over the texts for each image, over the images for each text, or both"
    )


class LwfPlugin(Strict):
    """LwF in ZSCL's form: held near the model before the experience (Li & Hoiem 2016, arXiv:1606.09282)."""

    reads: ClassVar[Reads] = "image_features"
    needs_experiences: ClassVar[bool] = True
    kind: Literal["lwf"] = "lwf"
    weight: float = Field(1.0, ge=0)
    temperature: float = Field(2.0, gt=0)
    batch_size: int | None = Field(None, ge=1, description="images a step; as many as a training batch has if left out")
    texts: Literal["student", "teacher"] = Field(
        "teacher", description="whose texts the student's images are compared with: teacher leaves the text side free"
    )
    sentences: Literal["classes", "random"] = Field("classes", description="texts of the classes, or random ones (LwF-VR)")
    random_sentences: int = Field(1000, ge=2)

    @model_validator(mode="after")
    def _texts_fit(self) -> Self:
        if self.sentences == "random" and self.texts == "student":
            raise ValueError('sentences: random ones are the teacher\'s; set texts = "teacher"')
        return self


class ClipKdPlugin(Strict):
    """CLIP-KD: the frozen image tower teaches the trained one on its images (Yang et al. 2024, arXiv:2307.12732)."""

    reads: ClassVar[Reads] = "image_features"
    needs_experiences: ClassVar[bool] = True
    kind: Literal["clip_kd"] = "clip_kd"
    fd: float = Field(2000.0, ge=0, description="weight of feature distillation")
    icl: float = Field(1.0, ge=0, description="weight of interactive contrastive learning, of labelled samples")
    crd: float = Field(1.0, ge=0, description="weight of contrastive relational distillation")
    affinity: float = Field(0.0, ge=0, description="weight of TinyCLIP's affinity mimicking (Wu et al. 2023, arXiv:2309.12314)")
