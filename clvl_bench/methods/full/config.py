"""Settings of `full`."""

from typing import ClassVar

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class FullConfig(AdapterConfig):
    """Both towers are trained, the logit scale is not (Zheng et al. 2023, continual
    fine-tuning).
    """

    input_kind: ClassVar[InputKind] = "pixels"
    kind: str = "full"
