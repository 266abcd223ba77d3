"""Settings of `lora`."""

from typing import ClassVar, Literal

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import TowerPart
from clvl_bench.methods._base.low_rank_config import LowRankConfig, Tower


class LoraConfig(LowRankConfig):
    """LoRA: a low-rank update of the attention of both towers (Hu et al. 2022,
    arXiv:2106.09685).
    """

    input_kind: ClassVar[InputKind] = "pixels"
    shares_images: ClassVar[bool] = True
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("image_attention", "text_attention")
    kind: str = "lora"
    towers: Literal["both", "image", "text"] = "both"

    @property
    def updated_towers(self) -> tuple[Tower, ...]:
        return super().updated_towers if self.towers == "both" else (self.towers,)
