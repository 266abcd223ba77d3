"""Settings of `cpl`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.methods._base.candidate_labels_config import CandidatesConfig


class CplConfig(CandidatesConfig):
    """CPL: sets of candidate labels (Zhang et al. 2024, arXiv:2406.10502)."""

    trains_in_rounds: ClassVar[bool] = True
    kind: str = "cpl"
    within: float = Field(
        0.6,
        ge=0,
        le=1,
        description="quantile of highest probabilities that a sample's candidates sum to",
    )
    across: float = Field(
        0.9, ge=0, le=1, description="quantile of a class's probabilities that its samples reach"
    )
    rounds: int = Field(
        10, ge=1, description="how often the sets are made anew; each round is train.epochs long"
    )
