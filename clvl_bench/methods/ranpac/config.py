"""Settings of `ranpac`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class RanPacConfig(AdapterConfig):
    """RanPAC: ridge regression on random features (McDonnell et al. 2023, arXiv:2307.02251)."""

    input_kind: ClassVar[InputKind] = "image_features"
    without_experiences: ClassVar[str] = "set adapter.ridge"
    kind: str = "ranpac"
    random_features: int = Field(10000, ge=1, description="M, the width of the random projection")
    ridge: float | None = Field(
        None, gt=0, description="lambda; chosen on a fifth of each experience if left out"
    )
    unseen: Literal["zeroshot", "never"] = Field(
        "zeroshot", description="who scores classes that were not learned yet"
    )

    @property
    def needs_experiences(self) -> bool:
        """Whether it needs an experience as a whole, which an online stream does not give: to
        choose its ridge on.
        """
        return self.ridge is None
