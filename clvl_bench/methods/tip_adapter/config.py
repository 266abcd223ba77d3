"""Settings of `tip_adapter`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class TipAdapterConfig(AdapterConfig):
    """Tip-Adapter: a cache of training features votes beside the class texts (Zhang et al. 2022,
    arXiv:2207.09519).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "tip_adapter"
    alpha: float = Field(1.0, ge=0, description="weight of the cache's vote")
    beta: float = Field(5.5, ge=0, description="sharpness: a key's vote is exp(-beta (1 - cosine))")
    shots: int = Field(
        16, ge=1, description="features kept of each class, a uniform choice of those that came"
    )
