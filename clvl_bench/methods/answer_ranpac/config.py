"""Settings of `answer_ranpac`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class AnswerRanPacConfig(AdapterConfig):
    """RanPAC on the product of image and question features: exact, whatever the order."""

    input_kind: ClassVar[InputKind] = "questions"
    without_experiences: ClassVar[str] = "set adapter.ridge"
    kind: str = "answer_ranpac"
    random_features: int = Field(2000, ge=1, description="M, the width of the random projection")
    ridge: float | None = Field(
        None, gt=0, description="lambda; chosen on a fifth of each experience if left out"
    )

    @property
    def needs_experiences(self) -> bool:
        """As RanPAC's: to choose its ridge on."""
        return self.ridge is None
