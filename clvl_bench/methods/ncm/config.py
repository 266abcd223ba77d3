"""Settings of `ncm`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import Reads
from clvl_bench.methods._base.config import AdapterConfig


class NcmAdapter(AdapterConfig):
    """NCM: the nearest class mean of unit features (Mensink et al. 2013)."""

    reads: ClassVar[Reads] = "image_features"
    kind: str = "ncm"
    unseen: Literal["zeroshot", "never"] = Field("zeroshot", description="who scores classes that were not learned yet")
