"""Settings of a low-rank update of attention."""

from typing import Literal

from pydantic import Field

from clvl_bench.methods._base.config import AdapterConfig

Tower = Literal["image", "text"]


class LowRankConfig(AdapterConfig):
    """A low-rank update of attention (Hu et al. 2022, arXiv:2106.09685)."""

    rank: int = Field(8, ge=1)
    alpha: float = Field(16.0, gt=0, description="the update is scaled by alpha / rank")
    dropout: float = Field(0.05, ge=0, lt=1)

    @property
    def updated_towers(self) -> tuple[Tower, ...]:
        """The towers whose attention is updated."""
        return ("image", "text")
