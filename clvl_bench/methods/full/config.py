"""Settings of `full`."""

from typing import ClassVar

from clvl_bench.inputs.kinds import Reads
from clvl_bench.methods._base.config import AdapterConfig


class FullAdapter(AdapterConfig):
    """Both towers are trained, the logit scale is not (Zheng et al. 2023, continual fine-tuning)."""

    reads: ClassVar[Reads] = "pixels"
    kind: str = "full"
