"""Settings of `diki`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig, TowerPart


class DikiConfig(AdapterConfig):
    """DIKI: keys and values beside the frozen attention of both towers, weighed by how well a
    sample fits what was learned (Tang et al. 2024, arXiv:2407.05342).
    """

    input_kind: ClassVar[InputKind] = "pixels"
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("layers",)
    adds_parts: ClassVar[bool] = True
    kind: str = "diki"
    length: int = Field(
        8, ge=1, le=64, description="keys, and as many values, that each experience adds to a layer"
    )
    depth: int = Field(
        8, ge=1, description="layers of either tower that have some, as far as it has layers"
    )
    ridge: float = Field(
        1e-7, gt=0, description="added to every variance of an experience's image features"
    )
    routing: Literal["sample", "batch"] = Field(
        "sample",
        description="whose experience and share decide: each sample's own, or as released a "
        "majority for the experience and the mean share for the texts, over all samples that are "
        "asked about together, which leaks from one test sample to another",
    )

    @property
    def needs_experiences(self) -> bool:
        return True

    @property
    def transductive(self) -> bool:
        return self.routing == "batch"
