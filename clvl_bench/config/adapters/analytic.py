"""Analytic learners: statistics of frozen features."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class SldaAdapter(Strict):
    """SLDA: streaming linear discriminant analysis, exact (Hayes & Kanan 2020, arXiv:1909.01520)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["slda"] = "slda"
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
    def chooses_on_experiences(self) -> bool:
        """Whether it needs an experience as a whole, which an online stream does not give."""
        return self.ridge is None
