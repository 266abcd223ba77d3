"""Settings of `lora`."""

from typing import ClassVar, Literal

from clvl_bench.inputs.kinds import Reads
from clvl_bench.methods._base.low_rank_config import LowRank


class LoraAdapter(LowRank):
    """LoRA: a low-rank update of the attention of both towers (Hu et al. 2022, arXiv:2106.09685)."""

    reads: ClassVar[Reads] = "pixels"
    kind: str = "lora"
    towers: Literal["both", "image", "text"] = "both"
