"""Settings of `codyra`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig, TowerPart


class CodyraConfig(AdapterConfig):
    """CoDyRA: low-rank updates with a gate for each rank, merged after each experience (Lu et al.
    2024, arXiv:2412.01004).
    """

    input_kind: ClassVar[InputKind] = "pixels"
    shares_images: ClassVar[bool] = True
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("layers",)
    merges: ClassVar[bool] = True
    kind: str = "codyra"
    rank: int = Field(16, ge=1, description="of each update, before gates are closed")
