"""Settings of `answer_ranking`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class RankingConfig(AdapterConfig):
    """Nothing is trained: the answer whose sentence behind the question is nearest to the image
    (zero-shot).
    """

    input_kind: ClassVar[InputKind] = "questions"
    learns_from_labels: ClassVar[bool] = False
    kind: str = "answer_ranking"
    remove_prior: bool = Field(
        False,
        description="take off what a sentence scores on the mean image of the stream so far, "
        "whatever is on the image",
    )
