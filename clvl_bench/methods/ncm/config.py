"""Settings of `ncm`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class NcmConfig(AdapterConfig):
    """NCM: the nearest class mean of unit features (Mensink et al. 2013)."""

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "ncm"
    unseen: Literal["zeroshot", "never"] = Field(
        "zeroshot", description="who scores classes that were not learned yet"
    )
