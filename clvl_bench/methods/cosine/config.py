"""Settings of `cosine`."""

from typing import ClassVar

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class CosineConfig(AdapterConfig):
    """A head of unit rows on unit features, each starting as its class's text (Gidaris & Komodakis
    2018).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "cosine"
