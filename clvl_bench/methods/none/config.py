"""Settings of `none`."""

from typing import ClassVar

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class NoneConfig(AdapterConfig):
    """Nothing is trained: the untouched backbone with the class names seen so far (zero-shot)."""

    input_kind: ClassVar[InputKind] = "image_features"
    trains: ClassVar[bool] = False
    learns_from_labels: ClassVar[bool] = False
    kind: str = "none"
