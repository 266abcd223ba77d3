"""Feature adapters: what changes or supplements frozen image features, beside the class texts."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class ClipAdapter(Strict):
    """CLIP-Adapter: a residual bottleneck on image features (Gao et al. 2021, arXiv:2110.04544)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["clip_adapter"] = "clip_adapter"
    ratio: float = Field(0.2, ge=0, le=1, description="share of the adapted feature; the rest is the feature itself")
    reduction: int = Field(4, ge=1, description="the bottleneck is that many times narrower than the features")


class TipAdapter(Strict):
    """Tip-Adapter: a cache of training features votes beside the class texts (Zhang et al. 2022, arXiv:2207.09519)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["tip_adapter"] = "tip_adapter"
    alpha: float = Field(1.0, ge=0, description="weight of the cache's vote")
    beta: float = Field(5.5, ge=0, description="sharpness: a key's vote is exp(-beta (1 - cosine))")
    shots: int = Field(16, ge=1, description="features kept of each class, a uniform choice of those that came")


class TipAdapterF(TipAdapter):
    """Tip-Adapter-F: the cache's keys follow the gradient (Zhang et al. 2022, arXiv:2207.09519)."""

    needs_experiences: ClassVar[bool] = True
    adds_parts: ClassVar[bool] = True
    kind: Literal["tip_adapter_f"] = "tip_adapter_f"  # type: ignore[assignment]
