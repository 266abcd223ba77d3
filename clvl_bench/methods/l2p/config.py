"""Settings of `l2p`."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig, TowerPart


class L2PConfig(AdapterConfig):
    """L2P: prompts chosen from a pool by keys (Wang et al. 2022, arXiv:2112.08654; as prefixes,
    "L2P++").
    """

    input_kind: ClassVar[InputKind] = "pixels"
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("layers",)
    kind: str = "l2p"
    pool_size: int = Field(30, ge=1)
    selected: int = Field(5, ge=1, description="prompts that a sample takes")
    length: int = Field(
        20,
        ge=0,
        multiple_of=2,
        description="of a prompt, half keys and half values; 0: the frozen model",
    )
    frozen: bool = Field(False, description="the pool stays as it began, only its keys learn")
    depth: int = Field(
        1,
        ge=1,
        description="layers with prefixes from the first on, as far as the tower has layers",
    )
    init: Literal["uniform", "symmetric", "normal"] = Field(
        "uniform",
        description="U(0, 1) as in the CODA-Prompt repository, U(-1, 1) as in l2p-pytorch, or "
        "noise of deviation 0.02",
    )
    key_weight: float = Field(
        1.0, ge=0, description="lambda, on 1 - cosine of a sample and its keys"
    )

    @model_validator(mode="after")
    def _pool_suffices(self) -> Self:
        if self.selected > self.pool_size:
            raise ValueError(
                f"selected: got {self.selected} of a pool of {self.pool_size}; choose at most "
                f"pool_size"
            )
        return self
