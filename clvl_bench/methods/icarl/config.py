"""Settings of `icarl`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.methods._base.memory_config import MemoryConfig


class IcarlConfig(MemoryConfig):
    """iCaRL: herded exemplars, distillation, nearest exemplar mean (Rebuffi et al. 2017,
    arXiv:1611.07725).
    """

    joins_batch: ClassVar[bool] = True
    kind: str = "icarl"
    batch_size: int | None = Field(
        None, ge=1, description="exemplars rehearsed a step; as many as the batch holds if left out"
    )
    weight: float = Field(1.0, ge=0, description="of the distillation over the old classes")
    temperature: float = Field(2.0, gt=0)
    classify: Literal["exemplars", "logits"] = Field(
        "exemplars", description="by the nearest exemplar mean, or by the model"
    )

    @property
    def needs_experiences(self) -> bool:
        return True
