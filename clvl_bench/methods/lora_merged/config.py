"""Settings of `lora_merged`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.methods.lora.config import LoraConfig


class LoraMergedConfig(LoraConfig):
    """LoRA merged into the weights after each experience (Hu et al. 2022; Wortsman et al. 2022,
    arXiv:2109.01903).
    """

    merges: ClassVar[bool] = True
    kind: str = "lora_merged"
    share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="how far the weights follow an experience; below 1 as in WiSE-FT",
    )
