"""Settings of `task_vectors`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from clvl_bench.core.schema import Since
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class TaskVectorsConfig(PluginConfig):
    """Task arithmetic: the start and what was learned from it, merged (Ilharco et al. 2023,
    arXiv:2212.04089; TIES: Yadav et al. 2023, arXiv:2306.01708; MagMax: Marczak et al. 2024,
    arXiv:2407.06322).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    compares_weights: ClassVar[bool] = True
    kind: str = "task_vectors"
    scaling: float = Field(
        0.4, ge=0, description="of the merged vector; the papers choose it on validation data"
    )
    merge: Annotated[Literal["sum", "mean", "max", "ties"], Since(before="sum")] = Field(
        "sum",
        description="of task vectors: their sum; their mean; of each weight the largest move "
        "(MagMax); the mean of large moves into the elected direction (TIES)",
    )
    start: Annotated[Literal["base", "previous"], Since(before="base")] = Field(
        "base",
        description="where an experience is learned from: the weights before the first one, or "
        "those learned last, before they were merged",
    )
    kept_share: Annotated[float, Since(before=0.2)] = Field(
        0.2, gt=0, le=1, description="of ties: the share of a task vector's weights that counts"
    )

    @property
    def needs_experiences(self) -> bool:
        return True
