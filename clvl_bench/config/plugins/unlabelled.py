"""Unlabelled samples: pseudo-labels and agreement."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


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
