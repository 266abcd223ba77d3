"""Settings of `grip`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.methods._base.candidate_labels_config import CandidatesConfig


class GripConfig(CandidatesConfig):
    """GRIP: rounds of class-balanced pseudo-labels, each from a fresh start (Menghini et al. 2023,
    arXiv:2306.01669).
    """

    trains_in_rounds: ClassVar[bool] = True
    kind: str = "grip"
    rounds: int = Field(10, ge=1, description="I; each of them is train.epochs long")
