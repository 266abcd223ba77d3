"""Settings of `linear`."""

from typing import ClassVar

from clvl_bench.inputs.kinds import Reads
from clvl_bench.methods._base.config import AdapterConfig


class LinearAdapter(AdapterConfig):
    """A linear head on frozen image features, each row starting as its class's text (Radford et al. 2021)."""

    reads: ClassVar[Reads] = "image_features"
    kind: str = "linear"
