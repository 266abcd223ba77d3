"""What a strategy file may say about its adapter: one class a kind. The union is the registry; `kind` names the module."""

from typing import Annotated

from pydantic import Field

from clvl_bench.config.adapters.analytic import NcmAdapter, RailAdapter, RailDualAdapter, RanPacAdapter, SldaAdapter
from clvl_bench.config.adapters.answers import (
    AnswerRanPacAdapter,
    AttentionAdapter,
    ConcatAdapter,
    MajorityAdapter,
    ProductAdapter,
    RankingAdapter,
)
from clvl_bench.config.adapters.heads import LinearAdapter, NoneAdapter
from clvl_bench.config.adapters.prompts import KgCoOpAdapter, PromptAdapter
from clvl_bench.config.adapters.towers import FullAdapter, LoraAdapter

Adapter = Annotated[
    NoneAdapter
    | FullAdapter
    | LoraAdapter
    | LinearAdapter
    | PromptAdapter
    | KgCoOpAdapter
    | NcmAdapter
    | SldaAdapter
    | RanPacAdapter
    | RailAdapter
    | RailDualAdapter
    | RankingAdapter
    | MajorityAdapter
    | ConcatAdapter
    | ProductAdapter
    | AttentionAdapter
    | AnswerRanPacAdapter,
    Field(discriminator="kind"),
]

__all__ = [
    "Adapter",
    "AnswerRanPacAdapter",
    "AttentionAdapter",
    "ConcatAdapter",
    "FullAdapter",
    "KgCoOpAdapter",
    "LinearAdapter",
    "LoraAdapter",
    "MajorityAdapter",
    "NcmAdapter",
    "NoneAdapter",
    "ProductAdapter",
    "PromptAdapter",
    "RailAdapter",
    "RailDualAdapter",
    "RanPacAdapter",
    "RankingAdapter",
    "SldaAdapter",
]  # fmt: skip
