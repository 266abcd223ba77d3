"""Settings of `replay`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.methods._base.memory_config import MemoryConfig


class ReplayConfig(MemoryConfig):
    """Rehearsal of a small memory beside each batch (reservoir: Vitter 1985; Chaudhry et al. 2019,
    arXiv:1902.10486).
    """

    joins_batch: ClassVar[bool] = True
    leaves_scores: ClassVar[bool] = True
    kind: str = "replay"
    policy: Literal["reservoir", "class_balanced", "herding"] = "class_balanced"
    batch_size: int | None = Field(
        None, ge=1, description="samples rehearsed a step; as many as the batch holds if left out"
    )
    pseudo_labelled: bool = Field(
        False,
        description="samples enter, too, whose pseudo-label another plugin learned from in the "
        "last epoch",
    )

    @property
    def needs_experiences(self) -> bool:
        return self.pseudo_labelled
