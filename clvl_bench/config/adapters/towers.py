"""Towers: what trains inside a copy of the towers."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class FullAdapter(Strict):
    """Both towers are trained, the logit scale is not (Zheng et al. 2023, continual fine-tuning)."""

    reads: ClassVar[Reads] = "pixels"
    kind: Literal["full"] = "full"


class LoraAdapter(Strict):
    """LoRA: a low-rank update of the attention of both towers (Hu et al. 2022, arXiv:2106.09685)."""

    reads: ClassVar[Reads] = "pixels"
    kind: Literal["lora"] = "lora"
    rank: int = Field(8, ge=1)
    alpha: float = Field(16.0, gt=0, description="the update is scaled by alpha / rank")
    dropout: float = Field(0.05, ge=0, lt=1)
    towers: Literal["both", "image", "text"] = "both"
