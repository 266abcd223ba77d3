"""Settings of `inflora`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig, TowerPart


class InfloraConfig(AdapterConfig):
    """InfLoRA: low-rank updates of attention in directions that earlier experiences' inputs do not
    have (Liang and Li 2024, arXiv:2404.00228). Defaults are those of CIFAR-100.
    """

    input_kind: ClassVar[InputKind] = "pixels"
    shares_images: ClassVar[bool] = True
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("layers",)
    merges: ClassVar[bool] = True
    kind: str = "inflora"
    rank: int = Field(10, ge=1, description="directions that an experience may move a layer in")
    first_threshold: float = Field(
        0.95,
        gt=0,
        le=1,
        description="share of an experience's inputs that is kept from later ones; of the first",
    )
    last_threshold: float = Field(1.0, gt=0, le=1, description="what that share rises towards")
    experiences: int = Field(
        10, ge=1, description="over which it rises; the length of a stream is nobody's to know"
    )

    @property
    def needs_experiences(self) -> bool:
        return True
