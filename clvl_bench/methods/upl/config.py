"""Settings of `upl`."""

from pydantic import Field

from clvl_bench.methods._base.candidate_labels_config import CandidatesConfig


class UplConfig(CandidatesConfig):
    """UPL: the most confident samples of each class that zero-shot predicts (Huang et al. 2022,
    arXiv:2204.03649).
    """

    kind: str = "upl"
    top: int = Field(16, ge=1, description="K, samples of a class")
