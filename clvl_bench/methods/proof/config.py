"""Settings of `proof`."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class ProofConfig(AdapterConfig):
    """PROOF: maps of images and texts that are added for each experience, and attention over what
    they say (Zhou et al. 2023, arXiv:2305.19270).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    adds_parts: ClassVar[bool] = True
    kind: str = "proof"
    context_length: int = Field(
        3, ge=1, le=64, description="context vectors that each experience adds"
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="in the attention")
    routing: Literal["sample", "batch"] = Field(
        "sample",
        description="whom a sample is compared with: the class texts and prototypes that attention "
        "made beside that sample alone, or as released their mean over all samples that are asked "
        "about together, which leaks from one test sample to another",
    )
    test_features: Literal["unit", "raw"] = Field(
        "unit",
        description="mapped image features in testing: made unit, as in training, or as released "
        "of any length",
    )
    frozen_maps: Literal["both", "image"] = Field(
        "both",
        description="which maps of earlier experiences train no more: both, as the paper says, or "
        "as released those of images alone",
    )
    unseen: Literal["zeroshot", "never"] = Field(
        "zeroshot", description="who scores classes that were not learned yet"
    )

    @property
    def needs_experiences(self) -> bool:
        return True

    @property
    def transductive(self) -> bool:
        return self.routing == "batch"
