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
    among: Literal["scored", "experience"] = Field(
        "scored", description="classes that a pseudo-label may be of: all that training compares, or those of the experience"
    )


class CandidatesPlugin(Strict):
    """Targets for all unlabelled samples of an experience at once."""

    reads: ClassVar[Reads] = "image_features"
    needs_experiences: ClassVar[bool] = True
    weight: float = Field(1.0, ge=0, description="lambda_u")


class UplPlugin(CandidatesPlugin):
    """UPL: the most confident samples of each class that zero-shot predicts (Huang et al. 2022, arXiv:2204.03649)."""

    kind: Literal["upl"] = "upl"
    top: int = Field(16, ge=1, description="K, samples of a class")


class GripPlugin(CandidatesPlugin):
    """GRIP: rounds of class-balanced pseudo-labels, each from a fresh start (Menghini et al. 2023, arXiv:2306.01669)."""

    kind: Literal["grip"] = "grip"
    rounds: int = Field(10, ge=1, description="I; epochs are shared out among them")


class CplPlugin(CandidatesPlugin):
    """CPL: sets of candidate labels (Zhang et al. 2024, arXiv:2406.10502)."""

    kind: Literal["cpl"] = "cpl"
    within: float = Field(0.6, ge=0, le=1, description="quantile of highest probabilities that a sample's candidates sum to")
    across: float = Field(0.9, ge=0, le=1, description="quantile of a class's probabilities that its samples reach")
    rounds: int = Field(10, ge=1, description="how often the sets are made anew")
