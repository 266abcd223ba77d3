"""Settings of `clip_adapter`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class ClipAdapterConfig(AdapterConfig):
    """CLIP-Adapter: a residual bottleneck on image features (Gao et al. 2021, arXiv:2110.04544)."""

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "clip_adapter"
    ratio: float = Field(
        0.2, ge=0, le=1, description="share of the adapted feature; the rest is the feature itself"
    )
    reduction: int = Field(
        4, ge=1, description="the bottleneck is that many times narrower than the features"
    )
