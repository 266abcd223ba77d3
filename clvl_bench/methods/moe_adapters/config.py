"""Settings of `moe_adapters`."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.core.schema import Since
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import TowerPart
from clvl_bench.methods._base.selector_config import SelectorConfig


class MoeAdaptersConfig(SelectorConfig):
    """MoE-Adapters: experts in every layer, a router for each experience (Yu et al. 2024,
    arXiv:2403.11549).
    """

    input_kind: ClassVar[InputKind] = "pixels"
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("layers",)
    kind: str = "moe_adapters"
    experts: int = Field(
        22, ge=2, description="of each layer of each tower (published: 22 for 11 tasks)"
    )
    selected: int = Field(
        2,
        ge=1,
        description="experts that a sample is routed to, and that are frozen behind an experience",
    )
    bottleneck: int = Field(64, ge=1, description="width inside an expert")
    dropout: float = Field(0.1, ge=0, lt=1)
    radius: float | None = Field(
        0.99,
        gt=0,
        le=1,
        description="share of an experience's samples within its reach; the rest is left to the "
        "backbone",
    )

    routing: Annotated[Literal["sample", "batch"], Since(before="sample")] = Field(
        "sample",
        description="whose experience decides the router: each sample's own, or as released one "
        "for all samples that are asked about together, by their mean distance, which leaks from "
        "one test sample to another",
    )

    @property
    def transductive(self) -> bool:
        return self.routing == "batch"

    @model_validator(mode="after")
    def _experts_suffice(self) -> Self:
        if self.selected > self.experts:
            raise ValueError(
                f"selected: got {self.selected} of {self.experts} experts; choose at most experts"
            )
        return self
