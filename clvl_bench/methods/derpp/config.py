"""Settings of `derpp`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.methods._base.memory_config import MemoryConfig


class DerppConfig(MemoryConfig):
    """DER++: a reservoir rehearsed by label and by past logits (Buzzega et al. 2020,
    arXiv:2004.07211).
    """

    joins_batch: ClassVar[bool] = True
    takes_samples_off: ClassVar[bool] = True
    kind: str = "derpp"
    alpha: float = Field(0.3, ge=0, description="of the squared difference of logits")
    beta: float = Field(0.5, ge=0, description="of the cross-entropy")
    batch_size: int | None = Field(
        None, ge=1, description="samples of each draw; as many as the batch holds if left out"
    )
