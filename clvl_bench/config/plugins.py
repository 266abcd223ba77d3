"""What a strategy file may say about its plugins: one class a kind. The union is the registry; `kind` names the module."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class ReplayPlugin(Strict):
    """Rehearsal of a small memory beside each batch (reservoir: Vitter 1985; Chaudhry et al. 2019, arXiv:1902.10486)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["replay"] = "replay"
    memory_size: int = Field(500, ge=0, description="samples kept, over all classes")
    policy: Literal["reservoir", "class_balanced"] = "class_balanced"
    batch_size: int | None = Field(None, ge=1, description="samples rehearsed a step; as many as the batch holds if left out")


class DistillationPlugin(Strict):
    """Distillation from a frozen backbone on the benchmark's reference set (Zheng et al. 2023, arXiv:2303.06628)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["distillation"] = "distillation"
    weight: float = Field(1.0, ge=0)
    temperature: float = Field(2.0, gt=0)
    batch_size: int = Field(64, ge=1, description="reference images a step")
    teacher: str | None = Field(None, description="name or folder of another backbone to learn from; else the untouched one")
    texts: Literal["student", "teacher"] = Field(
        "student", description="whose class texts the student's images are compared with: teacher leaves the text side free"
    )


Plugin = Annotated[ReplayPlugin | DistillationPlugin, Field(discriminator="kind")]
