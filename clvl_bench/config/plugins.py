"""What a strategy file may say about its plugins: one class a kind. The union is the registry; `kind` names the module."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class MemoryPlugin(Strict):
    """What rehearses samples of the past: how many it keeps, or how many bytes of them."""

    reads: ClassVar[Reads] = "image_features"
    memory_size: int = Field(500, ge=0, description="samples kept, over all classes")
    memory_bytes: int | None = Field(
        None, ge=0, description="bytes kept in place of memory_size: as many samples as fit, inputs, labels and logits counted"
    )

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if self.memory_bytes is not None and "memory_size" in self.model_fields_set:
            raise ValueError(
                f"memory_bytes: got {self.memory_bytes} beside memory_size = {self.memory_size}; a memory has one bound, "
                "leave out the other"
            )
        return self


class ReplayPlugin(MemoryPlugin):
    """Rehearsal of a small memory beside each batch (reservoir: Vitter 1985; Chaudhry et al. 2019, arXiv:1902.10486)."""

    kind: Literal["replay"] = "replay"
    policy: Literal["reservoir", "class_balanced", "herding"] = "class_balanced"
    batch_size: int | None = Field(None, ge=1, description="samples rehearsed a step; as many as the batch holds if left out")


class DerppPlugin(MemoryPlugin):
    """DER++: a reservoir rehearsed by label and by past logits (Buzzega et al. 2020, arXiv:2004.07211)."""

    kind: Literal["derpp"] = "derpp"
    alpha: float = Field(0.3, ge=0, description="of the squared difference of logits")
    beta: float = Field(0.5, ge=0, description="of the cross-entropy")
    batch_size: int | None = Field(None, ge=1, description="samples of each draw; as many as the batch holds if left out")


class IcarlPlugin(MemoryPlugin):
    """iCaRL: herded exemplars, distillation, nearest exemplar mean (Rebuffi et al. 2017, arXiv:1611.07725)."""

    kind: Literal["icarl"] = "icarl"
    batch_size: int | None = Field(None, ge=1, description="exemplars rehearsed a step; as many as the batch holds if left out")
    weight: float = Field(1.0, ge=0, description="of the distillation over the old classes")
    temperature: float = Field(2.0, gt=0)
    classify: Literal["exemplars", "logits"] = Field("exemplars", description="by the nearest exemplar mean, or by the model")


class GdumbPlugin(MemoryPlugin):
    """GDumb: a fresh model for each experience, trained on a balanced memory alone (Prabhu et al. 2020)."""

    kind: Literal["gdumb"] = "gdumb"


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


class WiseFtPlugin(Strict):
    """WiSE-FT: weights between the learned ones and an anchor's (Wortsman et al. 2022, arXiv:2109.01903)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["wise_ft"] = "wise_ft"
    anchor: Literal["zeroshot", "previous"] = Field(
        "zeroshot", description="the weights before any training, or those before the experience"
    )
    alpha: float = Field(0.5, ge=0, le=1, description="share of the learned weights")


class WeightAveragePlugin(Strict):
    """ZSCL's weight ensemble: the mean of the weights along each experience (Zheng et al. 2023, arXiv:2303.06628)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["weight_average"] = "weight_average"
    every: int = Field(100, ge=0, description="steps from one point of the mean to the next; 0 takes no mean")
    average: Literal["uniform", "running"] = "uniform"
    decay: float = Field(0.99, ge=0, lt=1, description="running: what is left of the mean when a point is taken in")


class WeightL2Plugin(Strict):
    """ZSCL's weight constraint: squared distance from the previous weights (Zheng et al. 2023, arXiv:2303.06628)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["weight_l2"] = "weight_l2"
    weight: float = Field(1.0, ge=0, description="of the sum over all trained parameters")


class TaskVectorsPlugin(Strict):
    """Task arithmetic: the start and the sum of what was learned from it (Ilharco et al. 2023, arXiv:2212.04089)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["task_vectors"] = "task_vectors"
    scaling: float = Field(0.4, ge=0, description="of the sum; the paper chooses it on validation data")


class EwcPlugin(Strict):
    """EWC: weights are held by their Fisher information, exact per sample (Kirkpatrick et al. 2017, arXiv:1612.00796)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["ewc"] = "ewc"
    strength: float = Field(1000.0, ge=0, description="lambda, on half of the weighted squared distance")
    form: Literal["separate", "online"] = Field(
        "separate", description="a term for each experience, or one running term (Schwarz et al. 2018, arXiv:1805.06370)"
    )
    gamma: float = Field(1.0, ge=0, le=1, description="online: what is left of the old Fisher when a new one comes")
    fisher: Literal["exact", "empirical"] = Field(
        "exact", description="over the classes as the model believes in them, or of the labels that are there"
    )
    samples: int = Field(256, ge=1, description="of each experience, for its Fisher")


class MasPlugin(Strict):
    """MAS: weights are held by how much the outputs depend on them (Aljundi et al. 2018, arXiv:1711.09601)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["mas"] = "mas"
    strength: float = Field(1.0, ge=0, description="lambda")
    samples: int = Field(256, ge=1, description="of each experience, for its importance")


class SiPlugin(Strict):
    """SI: weights are held by how much each lowered the loss on its way (Zenke et al. 2017, arXiv:1703.04200)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["si"] = "si"
    strength: float = Field(0.1, ge=0, description="c")
    damping: float = Field(1e-3, gt=0, description="xi")


class ClipKdPlugin(Strict):
    """CLIP-KD: the frozen image tower teaches the trained one on its images (Yang et al. 2024, arXiv:2307.12732)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["clip_kd"] = "clip_kd"
    fd: float = Field(2000.0, ge=0, description="weight of feature distillation")
    icl: float = Field(1.0, ge=0, description="weight of interactive contrastive learning, of labelled samples")
    crd: float = Field(1.0, ge=0, description="weight of contrastive relational distillation")
    affinity: float = Field(0.0, ge=0, description="weight of TinyCLIP's affinity mimicking (Wu et al. 2023, arXiv:2309.12314)")


Plugin = Annotated[
    ReplayPlugin
    | DerppPlugin
    | IcarlPlugin
    | GdumbPlugin
    | DistillationPlugin
    | LwfPlugin
    | WiseFtPlugin
    | WeightAveragePlugin
    | WeightL2Plugin
    | TaskVectorsPlugin
    | EwcPlugin
    | MasPlugin
    | SiPlugin
    | ClipKdPlugin,
    Field(discriminator="kind"),
]
