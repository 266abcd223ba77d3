"""Prompts: context learned in the place of words."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict

LENGTH = 16
"""Context vectors of a random start, as published with CoOp."""


class ContextAdapter(Strict):
    """What every learned context has: how it starts and where it stands."""

    reads: ClassVar[Reads] = "image_features"
    context_init: Literal["template", "random"] = Field(
        "template", description="start as the words of the dataset's first template, or as noise of deviation 0.02"
    )
    context_length: int = Field(LENGTH, ge=1, le=64, description="number of context vectors for a random start")
    position: Literal["end", "middle", "front"] = Field("end", description="where the class name stands after a random start")

    @model_validator(mode="after")
    def _template_fits(self) -> Self:
        if self.context_init == "template" and self.position != "end":
            raise ValueError(
                "position: a context that starts as a template stands where the template's words stand; "
                'set position = "end", or context_init = "random"'
            )
        if self.context_init == "template" and self.context_length != LENGTH:
            raise ValueError(
                "context_length: a context that starts as a template is as long as the template's words; "
                'leave it out, or set context_init = "random"'
            )
        return self


class PromptAdapter(ContextAdapter):
    """CoOp: learned context words, everything else frozen (Zhou et al. 2022, arXiv:2109.01134)."""

    kind: Literal["prompt"] = "prompt"
    class_specific: bool = Field(False, description="a context for each class: cannot score classes that were never trained")


class KgCoOpAdapter(PromptAdapter):
    """KgCoOp: CoOp whose class texts are held near those of the template (Yao et al. 2023, arXiv:2303.13283)."""

    kind: Literal["kgcoop"] = "kgcoop"  # type: ignore[assignment]
    anchor_weight: float = Field(8.0, ge=0, description="lambda, on the mean of 1 - cosine (the released code's form)")


class CoCoOpAdapter(ContextAdapter):
    """CoCoOp: a learned context that every image shifts (Zhou et al. 2022, arXiv:2203.05557)."""

    kind: Literal["cocoop"] = "cocoop"
    shift_init: Literal["random", "zero"] = Field(
        "random", description="the net that shifts the context starts as published, or with a last layer of zeros: as CoOp"
    )
    chunk: int = Field(512, ge=1, description="sentences held in the text tower, about 2 MiB each with ViT-B/32's")


class AttriClipAdapter(Strict):
    """AttriCLIP: each image chooses prompts from a learned bank (Wang et al. 2023, arXiv:2305.11488)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["attriclip"] = "attriclip"
    bank_size: int = Field(10, ge=1, description="prompts in the bank, each with a key")
    chosen: int = Field(3, ge=1, description="prompts that an image chooses")
    context_length: int = Field(12, ge=1, le=64, description="context vectors of a prompt")
    key_weight: float = Field(0.7, ge=0, description="of 1 - cosine between an image and the keys that it chose")
    diversity_weight: float = Field(0.3, ge=0, description="of the cosines between the prompts' texts")
    chunk: int = Field(512, ge=1, description="sentences held in the text tower, about 2 MiB each with ViT-B/32's")

    @model_validator(mode="after")
    def _bank_suffices(self) -> Self:
        if self.chosen > self.bank_size:
            raise ValueError(f"chosen: got {self.chosen} of a bank of {self.bank_size}; choose at most as many as there are")
        return self
