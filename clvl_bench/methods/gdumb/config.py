"""Settings of `gdumb`."""

from typing import ClassVar

from clvl_bench.methods._base.memory_config import MemoryConfig


class GdumbConfig(MemoryConfig):
    """GDumb: a fresh model for each experience, trained on a balanced memory alone (Prabhu et al.
    2020).
    """

    trains_on_memory_alone: ClassVar[bool] = True
    kind: str = "gdumb"

    @property
    def needs_experiences(self) -> bool:
        return True
