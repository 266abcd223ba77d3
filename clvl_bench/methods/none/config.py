"""Settings of `none`."""

from typing import ClassVar

from clvl_bench.inputs.kinds import Reads
from clvl_bench.methods._base.config import AdapterConfig


class NoneAdapter(AdapterConfig):
    """Nothing is trained: the untouched backbone with the class names seen so far (zero-shot)."""

    reads: ClassVar[Reads] = "image_features"
    trains: ClassVar[bool] = False
    kind: str = "none"
