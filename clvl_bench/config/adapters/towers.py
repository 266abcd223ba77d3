"""Towers: what trains inside a copy of the towers."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class FullAdapter(Strict):
    """Both towers are trained, the logit scale is not (Zheng et al. 2023, continual fine-tuning)."""

    reads: ClassVar[Reads] = "pixels"
    kind: Literal["full"] = "full"


class LowRank(Strict):
    """A low-rank update of attention (Hu et al. 2022, arXiv:2106.09685)."""

    rank: int = Field(8, ge=1)
    alpha: float = Field(16.0, gt=0, description="the update is scaled by alpha / rank")
    dropout: float = Field(0.05, ge=0, lt=1)


class LoraAdapter(LowRank):
    """LoRA: a low-rank update of the attention of both towers (Hu et al. 2022, arXiv:2106.09685)."""

    reads: ClassVar[Reads] = "pixels"
    kind: Literal["lora"] = "lora"
    towers: Literal["both", "image", "text"] = "both"


class LoraMergedAdapter(LoraAdapter):
    """LoRA merged into the weights after each experience (Hu et al. 2022; Wortsman et al. 2022, arXiv:2109.01903)."""

    kind: Literal["lora_merged"] = "lora_merged"  # type: ignore[assignment]
    share: float = Field(1.0, gt=0, le=1, description="how far the weights follow an experience; below 1 as in WiSE-FT")


class OLoraAdapter(LoraAdapter):
    """O-LoRA: updates that add up, each orthogonal to those before (Wang et al. 2023, arXiv:2310.14152)."""

    adds_parts: ClassVar[bool] = True
    kind: Literal["olora"] = "olora"  # type: ignore[assignment]
    orthogonality: float = Field(0.5, ge=0, description="lambda_1, on the absolute overlaps (the released code's form)")
