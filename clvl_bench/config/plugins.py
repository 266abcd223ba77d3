"""What a strategy file may say about its plugins: one class a kind. The union is the registry; `kind` names the module."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class ReplayPlugin(Strict):
    """Rehearsal of a small memory beside each batch (reservoir: Vitter 1985; Chaudhry et al. 2019, arXiv:1902.10486)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["replay"] = "replay"
    memory_size: int = Field(500, ge=0, description="samples kept, over all classes")
    policy: Literal["reservoir", "class_balanced"] = "class_balanced"
    batch_size: int | None = Field(None, ge=1, description="samples rehearsed a step; as many as the batch holds if left out")


class DistillationPlugin(Strict):
    """Distillation from the untouched backbone on the benchmark's reference set (Zheng et al. 2023, arXiv:2303.06628)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["distillation"] = "distillation"
    weight: float = Field(1.0, ge=0)
    temperature: float = Field(2.0, gt=0)
    batch_size: int = Field(64, ge=1, description="reference images a step")
    texts: Literal["student", "teacher"] = Field(
        "student", description="whose class texts the student's images are compared with: teacher leaves the text side free"
    )


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
    ReplayPlugin | DistillationPlugin | IwmsPlugin | FeedbackPlugin | FixMatchPlugin | MeanTeacherPlugin | AnchoredPlPlugin,
    Field(discriminator="kind"),
]
