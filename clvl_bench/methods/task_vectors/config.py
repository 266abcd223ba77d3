"""Settings of `task_vectors`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class TaskVectorsConfig(PluginConfig):
    """Task arithmetic: the start and the sum of what was learned from it (Ilharco et al. 2023,
    arXiv:2212.04089).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    compares_weights: ClassVar[bool] = True
    kind: str = "task_vectors"
    scaling: float = Field(
        0.4, ge=0, description="of the sum; the paper chooses it on validation data"
    )

    @property
    def needs_experiences(self) -> bool:
        return True
