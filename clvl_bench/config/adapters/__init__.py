"""What a strategy file may say about its adapter: one class a kind. The union is the registry; `kind` names the module."""

from typing import Annotated

from pydantic import Field

from clvl_bench.config.adapters.analytic import NcmAdapter, RailAdapter, RailDualAdapter, RanPacAdapter, SldaAdapter
from clvl_bench.config.adapters.answers import (
    AnswerLoraAdapter,
    AnswerPromptAdapter,
    AnswerRanPacAdapter,
    AttentionAdapter,
    ConcatAdapter,
    GivenAdapter,
    MajorityAdapter,
    ProductAdapter,
    RankingAdapter,
    Unseen,
)
from clvl_bench.config.adapters.features import ClipAdapter, TipAdapter, TipAdapterF
from clvl_bench.config.adapters.heads import CosineAdapter, LinearAdapter, NoneAdapter
from clvl_bench.config.adapters.pools import (
    CodaPromptAdapter,
    DualPromptAdapter,
    L2PAdapter,
    LoraPerExperienceAdapter,
    MoeAdaptersAdapter,
    PromptPerExperienceAdapter,
    SelectorSettings,
    SPromptsAdapter,
)
from clvl_bench.config.adapters.prompts import (
    AttriClipAdapter,
    CoCoOpAdapter,
    ContextAdapter,
    KgCoOpAdapter,
    MapleAdapter,
    PromptAdapter,
)
from clvl_bench.config.adapters.students import StudentAdapter
from clvl_bench.config.adapters.towers import FullAdapter, LoraAdapter, LoraMergedAdapter, OLoraAdapter

Adapter = Annotated[
    NoneAdapter
    | LinearAdapter
    | CosineAdapter
    | FullAdapter
    | LoraAdapter
    | LoraMergedAdapter
    | OLoraAdapter
    | ClipAdapter
    | TipAdapter
    | TipAdapterF
    | PromptAdapter
    | KgCoOpAdapter
    | CoCoOpAdapter
    | AttriClipAdapter
    | MapleAdapter
    | PromptPerExperienceAdapter
    | LoraPerExperienceAdapter
    | SPromptsAdapter
    | L2PAdapter
    | DualPromptAdapter
    | CodaPromptAdapter
    | MoeAdaptersAdapter
    | NcmAdapter
    | SldaAdapter
    | RanPacAdapter
    | RailAdapter
    | RailDualAdapter
    | RankingAdapter
    | MajorityAdapter
    | GivenAdapter
    | ConcatAdapter
    | ProductAdapter
    | AttentionAdapter
    | AnswerRanPacAdapter
    | AnswerPromptAdapter
    | AnswerLoraAdapter
    | StudentAdapter,
    Field(discriminator="kind"),
]

__all__ = [
    "Adapter", "AnswerLoraAdapter", "AnswerPromptAdapter", "AnswerRanPacAdapter", "AttentionAdapter", "AttriClipAdapter",
    "ClipAdapter", "CoCoOpAdapter", "CodaPromptAdapter", "ConcatAdapter", "ContextAdapter", "CosineAdapter",
    "DualPromptAdapter", "FullAdapter", "GivenAdapter", "KgCoOpAdapter", "L2PAdapter", "LinearAdapter", "LoraAdapter",
    "LoraMergedAdapter", "LoraPerExperienceAdapter", "MajorityAdapter", "MapleAdapter", "MoeAdaptersAdapter",
    "NcmAdapter", "NoneAdapter", "OLoraAdapter", "ProductAdapter", "PromptAdapter", "PromptPerExperienceAdapter",
    "RailAdapter", "RailDualAdapter", "RanPacAdapter", "RankingAdapter", "SPromptsAdapter", "SelectorSettings",
    "SldaAdapter", "StudentAdapter", "TipAdapter", "TipAdapterF", "Unseen",
]  # fmt: skip
