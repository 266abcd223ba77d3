"""Settings of `answer_majority`."""

from typing import ClassVar

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class MajorityConfig(AdapterConfig):
    """The commonest answer among the questions of a type, whatever image and question say: a
    baseline that sees no picture.
    """

    input_kind: ClassVar[InputKind] = "questions"
    kind: str = "answer_majority"
