"""Memories: what is rehearsed of the past."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict

BOUNDS = ("memory_size", "memory_bytes")
"""A memory has one of these; an override of one takes the place of the other."""


class MemoryPlugin(Strict):
    """What rehearses samples of the past: how many it keeps, or how many bytes of them."""

    reads: ClassVar[Reads] = "image_features"
    memory_size: int | None = Field(
        None, ge=0, description="samples kept, over all classes; 500 where nothing is said of bytes either"
    )
    memory_bytes: int | None = Field(
        None, ge=0, description="bytes kept in place of memory_size: as many samples as fit, inputs, labels and logits counted"
    )

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if self.memory_bytes is not None and self.memory_size is not None:
            raise ValueError(
                f"memory_bytes: got {self.memory_bytes} beside memory_size = {self.memory_size}; a memory has one bound, "
                "leave out the other"
            )
        return self

    @property
    def samples(self) -> int:
        """How many are kept where bytes do not bound them."""
        return 500 if self.memory_size is None else self.memory_size


class ReplayPlugin(MemoryPlugin):
    """Rehearsal of a small memory beside each batch (reservoir: Vitter 1985; Chaudhry et al. 2019, arXiv:1902.10486)."""

    kind: Literal["replay"] = "replay"
    policy: Literal["reservoir", "class_balanced", "herding"] = "class_balanced"
    batch_size: int | None = Field(None, ge=1, description="samples rehearsed a step; as many as the batch holds if left out")
    pseudo_labelled: bool = Field(
        False, description="samples enter, too, whose pseudo-label another plugin learned from in the last epoch"
    )

    @property
    def needs_experiences(self) -> bool:
        return self.pseudo_labelled


class DerppPlugin(MemoryPlugin):
    """DER++: a reservoir rehearsed by label and by past logits (Buzzega et al. 2020, arXiv:2004.07211)."""

    kind: Literal["derpp"] = "derpp"
    alpha: float = Field(0.3, ge=0, description="of the squared difference of logits")
    beta: float = Field(0.5, ge=0, description="of the cross-entropy")
    batch_size: int | None = Field(None, ge=1, description="samples of each draw; as many as the batch holds if left out")


class IcarlPlugin(MemoryPlugin):
    """iCaRL: herded exemplars, distillation, nearest exemplar mean (Rebuffi et al. 2017, arXiv:1611.07725)."""

    needs_experiences: ClassVar[bool] = True
    kind: Literal["icarl"] = "icarl"
    batch_size: int | None = Field(None, ge=1, description="exemplars rehearsed a step; as many as the batch holds if left out")
    weight: float = Field(1.0, ge=0, description="of the distillation over the old classes")
    temperature: float = Field(2.0, gt=0)
    classify: Literal["exemplars", "logits"] = Field("exemplars", description="by the nearest exemplar mean, or by the model")


class GdumbPlugin(MemoryPlugin):
    """GDumb: a fresh model for each experience, trained on a balanced memory alone (Prabhu et al. 2020)."""

    needs_experiences: ClassVar[bool] = True
    kind: Literal["gdumb"] = "gdumb"


class IwmsPlugin(Strict):
    """IWMS: rehearsal of what resembles the unlabelled samples of now (Csaba et al. 2024, arXiv:2312.00923). Online."""

    reads: ClassVar[Reads] = "image_features"
    needs_online: ClassVar[bool] = True
    kind: Literal["iwms"] = "iwms"
    memory_size: int = Field(65536, ge=1, description="samples kept, over all classes, the newest of each")
    temperature: float = Field(1.0, gt=0, description="tau, of the probabilities from which a sample's class is drawn")
