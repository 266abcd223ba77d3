"""Pools: what grows by a part for each experience, or picks parts for each sample; and who picks without a task id."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.config.adapters.prompts import ContextAdapter, PromptAdapter
from clvl_bench.config.adapters.towers import LoraAdapter
from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class SelectorSettings(Strict):
    """Which experience a test sample belongs to, by frozen image features (Wang et al. 2022, S-Prompts)."""

    needs_experiences: ClassVar[bool] = True
    adds_parts: ClassVar[bool] = True
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


class SPromptsAdapter(ContextAdapter, SelectorSettings):
    """S-Prompts: image and text prompts for each domain, learned independently (Wang et al. 2022, arXiv:2207.12819)."""

    reads: ClassVar[Reads] = "pixels"
    kind: Literal["sprompts"] = "sprompts"
    image_length: int = Field(10, ge=0, le=256, description="learned tokens beside the patches; 0: text prompts alone")
    context_init: Literal["template", "random"] = Field("random", description="as published: noise of deviation 0.02")


class L2PAdapter(Strict):
    """L2P: prompts chosen from a pool by keys (Wang et al. 2022, arXiv:2112.08654; as prefixes, "L2P++")."""

    reads: ClassVar[Reads] = "pixels"
    kind: Literal["l2p"] = "l2p"
    pool_size: int = Field(30, ge=1)
    selected: int = Field(5, ge=1, description="prompts that a sample takes")
    length: int = Field(20, ge=0, multiple_of=2, description="of a prompt, half keys and half values; 0: the frozen model")
    frozen: bool = Field(False, description="the pool stays as it began, only its keys learn")
    depth: int = Field(1, ge=1, description="layers with prefixes from the first on, as far as the tower has layers")
    init: Literal["uniform", "normal"] = Field("uniform", description="U(0, 1) as published, or noise of deviation 0.02")
    key_weight: float = Field(1.0, ge=0, description="lambda, on 1 - cosine of a sample and its keys")

    @model_validator(mode="after")
    def _pool_suffices(self) -> Self:
        if self.selected > self.pool_size:
            raise ValueError(f"selected: got {self.selected} of a pool of {self.pool_size}; choose at most pool_size")
        return self


class DualPromptAdapter(Strict):
    """DualPrompt: a general prompt, and an expert prompt for each experience (Wang et al. 2022, arXiv:2204.04799)."""

    reads: ClassVar[Reads] = "pixels"
    adds_parts: ClassVar[bool] = True
    kind: Literal["dualprompt"] = "dualprompt"
    general_length: int = Field(6, ge=0, multiple_of=2, description="half keys and half values")
    frozen: bool = Field(False, description="the general prompt stays as it began")
    general_depth: int = Field(2, ge=0, description="layers with the general prompt, from the first on")
    expert_length: int = Field(20, ge=0, multiple_of=2)
    expert_depth: int = Field(3, ge=1, description="layers behind them with the expert prompt, as far as the tower has layers")
    init: Literal["uniform", "normal"] = Field("uniform", description="U(0, 1) as published, or noise of deviation 0.02")
    key_weight: float = Field(1.0, ge=0, description="lambda, on 1 - cosine of a sample and its expert's key")


class CodaPromptAdapter(Strict):
    """CODA-Prompt: prompts mixed from components by attention (Smith et al. 2023, arXiv:2211.13218)."""

    reads: ClassVar[Reads] = "pixels"
    adds_parts: ClassVar[bool] = True
    kind: Literal["coda_prompt"] = "coda_prompt"
    components: int = Field(10, ge=1, description="new ones an experience (published: 100 over 10 experiences)")
    length: int = Field(8, ge=2, multiple_of=2, description="half keys and half values")
    frozen: bool = Field(False, description="components stay as they began, only keys and attention learn")
    depth: int = Field(5, ge=1, description="layers with prefixes from the first on, as far as the tower has layers")
    init: Literal["orthogonal", "uniform"] = Field("orthogonal", description="to all earlier components, or U(0, 1)")
    orthogonality: float = Field(0.1, ge=0, description="mu, on U U' - I (the paper's value; a later code version uses 0)")


class MoeAdaptersAdapter(SelectorSettings):
    """MoE-Adapters: experts in every layer, a router for each experience (Yu et al. 2024, arXiv:2403.11549)."""

    reads: ClassVar[Reads] = "pixels"
    kind: Literal["moe_adapters"] = "moe_adapters"
    experts: int = Field(22, ge=2, description="of each layer of each tower (published: 22 for 11 tasks)")
    selected: int = Field(2, ge=1, description="experts that a sample is routed to, and that are frozen behind an experience")
    bottleneck: int = Field(64, ge=1, description="width inside an expert")
    dropout: float = Field(0.1, ge=0, lt=1)
    radius: float | None = Field(
        0.99, gt=0, le=1, description="share of an experience's samples within its reach; the rest is left to the backbone"
    )

    @model_validator(mode="after")
    def _experts_suffice(self) -> Self:
        if self.selected > self.experts:
            raise ValueError(f"selected: got {self.selected} of {self.experts} experts; choose at most experts")
        return self
