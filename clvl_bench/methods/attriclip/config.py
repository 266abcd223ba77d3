"""Settings of `attriclip`."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig, TowerPart


class AttriClipConfig(AdapterConfig):
    """AttriCLIP: each image chooses prompts from a learned bank (Wang et al. 2023,
    arXiv:2305.11488).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ("word_embeddings",)
    kind: str = "attriclip"
    bank_size: int = Field(10, ge=1, description="prompts in the bank, each with a key")
    chosen: int = Field(3, ge=1, description="prompts that an image chooses")
    context_length: int = Field(12, ge=1, le=64, description="context vectors of a prompt")
    key_weight: float = Field(
        0.7, ge=0, description="of 1 - cosine between an image and the keys that it chose"
    )
    diversity_weight: float = Field(
        0.3, ge=0, description="of the cosines between the prompts' texts"
    )
    chunk: int = Field(
        512, ge=1, description="sentences held in the text tower, about 2 MiB each with ViT-B/32's"
    )

    @model_validator(mode="after")
    def _bank_suffices(self) -> Self:
        if self.chosen > self.bank_size:
            raise ValueError(
                f"chosen: got {self.chosen} of a bank of {self.bank_size}; choose at most as many "
                f"as there are"
            )
        return self
