"""Settings of `slda`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class SldaConfig(AdapterConfig):
    """SLDA: streaming linear discriminant analysis (Hayes & Kanan 2020, arXiv:1909.01520)."""

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "slda"
    form: Literal["exact", "published"] = Field(
        "exact",
        description="the batch estimate whatever the order, or the released code's recursion",
    )
    shrinkage: float = Field(
        1e-4, gt=0, le=1, description="epsilon: share of the identity in the covariance"
    )
    unseen: Literal["zeroshot", "never"] = Field(
        "zeroshot", description="who scores classes that were not learned yet"
    )
