"""Settings of `linear`."""

from typing import ClassVar

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class LinearConfig(AdapterConfig):
    """A linear head on frozen image features, each row starting as its class's text (Radford et al.
    2021).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "linear"
