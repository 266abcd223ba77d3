"""Settings of `tip_adapter_f`."""

from typing import ClassVar

from clvl_bench.methods.tip_adapter.config import TipAdapterConfig


class TipAdapterFConfig(TipAdapterConfig):
    """Tip-Adapter-F: the cache's keys follow the gradient (Zhang et al. 2022, arXiv:2207.09519)."""

    adds_parts: ClassVar[bool] = True
    kind: str = "tip_adapter_f"

    @property
    def needs_experiences(self) -> bool:
        return True
