"""Weights: where they may go, by interpolation or by springs."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class WiseFtPlugin(Strict):
    """WiSE-FT: weights between the learned ones and an anchor's (Wortsman et al. 2022, arXiv:2109.01903)."""

    reads: ClassVar[Reads] = "image_features"
    needs_experiences: ClassVar[bool] = True
    compares_weights: ClassVar[bool] = True
    kind: Literal["wise_ft"] = "wise_ft"
    anchor: Literal["zeroshot", "previous"] = Field(
        "zeroshot", description="the weights before any training, or those before the experience"
    )
    alpha: float = Field(0.5, ge=0, le=1, description="share of the learned weights")


class WeightAveragePlugin(Strict):
    """ZSCL's weight ensemble: the mean of the weights along each experience (Zheng et al. 2023, arXiv:2303.06628)."""

    reads: ClassVar[Reads] = "image_features"
    needs_experiences: ClassVar[bool] = True
    compares_weights: ClassVar[bool] = True
    kind: Literal["weight_average"] = "weight_average"
    every: int = Field(100, ge=0, description="steps from one point of the mean to the next; 0 takes no mean")
    average: Literal["uniform", "running"] = "uniform"
    decay: float = Field(0.99, ge=0, lt=1, description="running: what is left of the mean when a point is taken in")


class WeightL2Plugin(Strict):
    """ZSCL's weight constraint: squared distance from the previous weights (Zheng et al. 2023, arXiv:2303.06628)."""

    reads: ClassVar[Reads] = "image_features"
    needs_experiences: ClassVar[bool] = True
    kind: Literal["weight_l2"] = "weight_l2"
    weight: float = Field(1.0, ge=0, description="of the sum over all trained parameters")


class TaskVectorsPlugin(Strict):
    """Task arithmetic: the start and the sum of what was learned from it (Ilharco et al. 2023, arXiv:2212.04089)."""

    reads: ClassVar[Reads] = "image_features"
    needs_experiences: ClassVar[bool] = True
    compares_weights: ClassVar[bool] = True
    kind: Literal["task_vectors"] = "task_vectors"
    scaling: float = Field(0.4, ge=0, description="of the sum; the paper chooses it on validation data")


class EwcPlugin(Strict):
    """EWC: weights are held by their Fisher information, exact per sample (Kirkpatrick et al. 2017, arXiv:1612.00796)."""

    reads: ClassVar[Reads] = "image_features"
    needs_experiences: ClassVar[bool] = True
    compares_weights: ClassVar[bool] = True
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
    needs_experiences: ClassVar[bool] = True
    compares_weights: ClassVar[bool] = True
    kind: Literal["mas"] = "mas"
    strength: float = Field(1.0, ge=0, description="lambda")
    samples: int = Field(256, ge=1, description="of each experience, for its importance")


class SiPlugin(Strict):
    """SI: weights are held by how much each lowered the loss on its way (Zenke et al. 2017, arXiv:1703.04200)."""

    reads: ClassVar[Reads] = "image_features"
    needs_experiences: ClassVar[bool] = True
    compares_weights: ClassVar[bool] = True
    kind: Literal["si"] = "si"
    strength: float = Field(0.1, ge=0, description="c")
    damping: float = Field(1e-3, gt=0, description="xi")
