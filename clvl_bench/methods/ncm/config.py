"""Settings of `ncm`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from clvl_bench.core.schema import Since
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class NcmConfig(AdapterConfig):
    """NCM: the nearest class mean of unit features (Mensink et al. 2013)."""

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "ncm"
    metric: Annotated[Literal["euclidean", "cosine"], Since(before="euclidean")] = Field(
        "euclidean", description="distance to a class's mean; cosine is SimpleCIL"
    )
    unseen: Literal["zeroshot", "never"] = Field(
        "zeroshot", description="who scores classes that were not learned yet"
    )
