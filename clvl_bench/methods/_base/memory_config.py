"""Settings of a memory of past samples, bounded by samples or by bytes."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig

BOUNDS = ("memory_size", "memory_bytes")
"""A memory has one of these; an override of one takes the place of the other."""


class MemoryConfig(PluginConfig):
    """What rehearses samples of the past: how many it keeps, or how many bytes of them."""

    input_kind: ClassVar[InputKind] = "image_features"
    rehearses: ClassVar[bool] = True
    memory_size: int | None = Field(
        None,
        ge=0,
        description="samples kept, over all classes; 500 where nothing is said of bytes either",
    )
    memory_bytes: int | None = Field(
        None,
        ge=0,
        description="bytes kept in place of memory_size: as many samples as fit, inputs, labels "
        "and logits counted",
    )

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if self.memory_bytes is not None and self.memory_size is not None:
            raise ValueError(
                f"memory_bytes: got {self.memory_bytes} beside memory_size = {self.memory_size}; a "
                f"memory has one bound, "
                "leave out the other"
            )
        return self

    @property
    def samples(self) -> int:
        """How many are kept where bytes do not bound them."""
        return 500 if self.memory_size is None else self.memory_size
