"""Pools: what grows by a part for each experience, or picks parts for each sample; and who picks without a task id."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.config.adapters.prompts import PromptAdapter
from clvl_bench.config.adapters.towers import LoraAdapter
from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class SelectorSettings(Strict):
    """Which experience a test sample belongs to, by frozen image features (Wang et al. 2022, S-Prompts)."""

    selector: Literal["kmeans", "class_mean"] = Field("kmeans", description="centroids of an experience, or one mean a class")
    centroids: int = Field(5, ge=1, description="K-means centroids an experience")
    distance: Literal["l1", "l2"] = Field("l1", description="l1 as in the released code of S-Prompts")
    radius: float | None = Field(
        None,
        gt=0,
        le=1,
        description="share of an experience's samples within its reach; what no experience reaches is left to the untouched "
        "backbone. Left out, every sample is sent to an experience, as published",
    )


class PromptPerExperienceAdapter(PromptAdapter, SelectorSettings):
    """CoOp with one context an experience, chosen by a selector (Zhou et al. 2022; Wang et al. 2022, arXiv:2207.12819)."""

    kind: Literal["prompt_per_experience"] = "prompt_per_experience"  # type: ignore[assignment]


class LoraPerExperienceAdapter(LoraAdapter, SelectorSettings):
    """One low-rank update an experience, chosen by a selector (Hu et al. 2022; Wang et al. 2022, arXiv:2207.12819)."""

    kind: Literal["lora_per_experience"] = "lora_per_experience"  # type: ignore[assignment]


class SPromptsAdapter(SelectorSettings):
    """S-Prompts: image and text prompts for each domain, learned independently (Wang et al. 2022, arXiv:2207.12819)."""

    reads: ClassVar[Reads] = "pixels"
    kind: Literal["sprompts"] = "sprompts"
    image_length: int = Field(10, ge=0, le=256, description="learned tokens beside the patches; 0: text prompts alone")
    context_init: Literal["template", "random"] = Field("random", description="as published: noise of deviation 0.02")
    context_length: int = Field(16, ge=1, le=64, description="number of context vectors for a random start")
