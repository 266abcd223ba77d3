"""Settings of `olora`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.methods.lora.config import LoraConfig


class OLoraConfig(LoraConfig):
    """O-LoRA: updates that add up, each orthogonal to those before (Wang et al. 2023,
    arXiv:2310.14152).
    """

    adds_parts: ClassVar[bool] = True
    kind: str = "olora"
    orthogonality: float = Field(
        0.5, ge=0, description="lambda_1, on the absolute overlaps (the released code's form)"
    )
