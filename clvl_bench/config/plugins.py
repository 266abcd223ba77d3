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


class IwmsPlugin(Strict):
    """IWMS: rehearsal of what resembles the unlabelled samples of now (Csaba et al. 2024, arXiv:2312.00923). Online."""

    reads: ClassVar[Reads] = "image_features"
    needs_online: ClassVar[bool] = True
    kind: Literal["iwms"] = "iwms"
    memory_size: int = Field(65536, ge=1, description="samples kept, over all classes, the newest of each")
    temperature: float = Field(1.0, gt=0, description="tau, of the probabilities from which a sample's class is drawn")


class FeedbackPlugin(Strict):
    """Learns from rewards for the chosen class; where labels arrive, from these (likelihood, IPS or REINFORCE). Online."""

    reads: ClassVar[Reads] = "image_features"
    needs_online: ClassVar[bool] = True
    kind: Literal["feedback"] = "feedback"
    loss: Literal["likelihood", "ips", "reinforce"] = "likelihood"
    policy: Literal["greedy", "epsilon_greedy", "sampling"] = "greedy"
    epsilon: float = Field(0.0, ge=0, le=1, description="epsilon_greedy: share of choices among all candidates alike")
    clip: float = Field(50.0, gt=0, description="the largest weight of ips and reinforce")
    baseline_momentum: float = Field(0.99, ge=0, lt=1, description="reinforce: of the average reward that is its baseline")
    entropy: float = Field(0.01, ge=0, description="reinforce: weight of the bonus on entropy")
    memory_size: int = Field(500, ge=0, description="choices kept with their rewards")

    @model_validator(mode="after")
    def _can_be_unbiased(self) -> Self:
        if self.policy == "epsilon_greedy" and not self.epsilon:
            raise ValueError('epsilon: is 0 beside policy = "epsilon_greedy"; set it, or policy = "greedy"')
        if self.policy != "epsilon_greedy" and self.epsilon:
            raise ValueError(f'epsilon: is for policy = "epsilon_greedy", not for "{self.policy}"; remove it')
        if self.loss != "likelihood" and self.policy == "greedy":
            raise ValueError(
                f"policy: got 'greedy' beside loss = \"{self.loss}\", which needs every class to be chosen at times"
            )
        return self


class FixMatchPlugin(Strict):
    """FixMatch, or with `flexible` FlexMatch (Sohn et al. 2020, arXiv:2001.07685; Zhang et al. 2021, arXiv:2110.08263)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["fixmatch"] = "fixmatch"
    weight: float = Field(1.0, ge=0, description="lambda_u")
    tau: float = Field(0.95, ge=0, description="least confidence; above 1 no pseudo-label is learned from")
    flexible: bool = Field(False, description="a threshold for each class, lower where it is seldom predicted with confidence")
    count_momentum: float = Field(0.999, ge=0, lt=1, description="flexible: of the counts of confident predictions")


class MeanTeacherPlugin(Strict):
    """Mean teacher: agreement with a moving average of the weights (Tarvainen & Valpola 2017, arXiv:1703.01780)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["mean_teacher"] = "mean_teacher"
    weight: float = Field(10.0, ge=0)
    momentum: float = Field(0.999, ge=0, le=1)
    ramp_steps: int = Field(100, ge=1, description="steps over which the weight rises")


class AnchoredPlPlugin(Strict):
    """Pseudo-labels of the zero-shot model and an average of the learner, passed class by class."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["anchored_pl"] = "anchored_pl"
    weight: float = Field(1.0, ge=0, description="lambda_u")
    share: float = Field(0.5, ge=0, le=1, description="of the averaged learner, from the second experience on")
    momentum: float = Field(0.99, ge=0, le=1, description="of the average")
    keep: float = Field(0.5, gt=0, le=1, description="rho, share of a class's recent samples that passes")
    window: int = Field(2048, ge=1, description="recent samples, over all classes")
    margin: float = Field(1.5, ge=0, description="least confidence, in times of chance")


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
    | ClipKdPlugin
    | IwmsPlugin
    | FeedbackPlugin
    | FixMatchPlugin
    | MeanTeacherPlugin
    | AnchoredPlPlugin,
    Field(discriminator="kind"),
]
