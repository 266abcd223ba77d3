"""Analytic learners: statistics of frozen features."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class NcmAdapter(Strict):
    """NCM: the nearest class mean of unit features (Mensink et al. 2013)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["ncm"] = "ncm"
    unseen: Literal["zeroshot", "never"] = Field("zeroshot", description="who scores classes that were not learned yet")


class SldaAdapter(Strict):
    """SLDA: streaming linear discriminant analysis (Hayes & Kanan 2020, arXiv:1909.01520)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["slda"] = "slda"
    form: Literal["exact", "published"] = Field(
        "exact", description="the batch estimate whatever the order, or the released code's recursion"
    )
    shrinkage: float = Field(1e-4, gt=0, le=1, description="epsilon: share of the identity in the covariance")
    unseen: Literal["zeroshot", "never"] = Field("zeroshot", description="who scores classes that were not learned yet")


class RanPacAdapter(Strict):
    """RanPAC: ridge regression on random features (McDonnell et al. 2023, arXiv:2307.02251)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["ranpac"] = "ranpac"
    random_features: int = Field(10000, ge=1, description="M, the width of the random projection")
    ridge: float | None = Field(None, gt=0, description="lambda; chosen on a fifth of each experience if left out")
    unseen: Literal["zeroshot", "never"] = Field("zeroshot", description="who scores classes that were not learned yet")

    @property
    def needs_experiences(self) -> bool:
        """Whether it needs an experience as a whole, which an online stream does not give: to choose its ridge on."""
        return self.ridge is None


class RailAdapter(Strict):
    """RAIL, primal: ridge regression on random features, fused with zero-shot (Xu et al. 2024, arXiv:2406.18868)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["rail"] = "rail"
    random_features: int = Field(15000, ge=1, description="width of the random hidden layer")
    ridge: float = Field(0.1, gt=0, description="lambda")
    fusion: float = Field(0.8, ge=0, le=1, description="beta: share of the regression beside zero-shot's probabilities")


class RailDualAdapter(Strict):
    """RAIL, dual: kernel ridge regression on all features so far, fused with zero-shot (Xu et al. 2024)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["rail_dual"] = "rail_dual"
    kernel: Literal["rbf", "linear"] = "rbf"
    gamma: float = Field(0.1, gt=0, description="of the rbf kernel: exp(-gamma |x - z|^2)")
    ridge: float = Field(1e-3, gt=0, description="lambda")
    fusion: float = Field(0.8, ge=0, le=1, description="beta: share of the regression beside zero-shot's probabilities")
