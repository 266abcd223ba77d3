"""What a strategy file may say about its adapter: one class a kind. The union is the registry; `kind` names the module."""

from typing import Annotated

from pydantic import Field

from clvl_bench.config.adapters.analytic import RanPacAdapter, SldaAdapter
from clvl_bench.config.adapters.answers import (
    AnswerRanPacAdapter,
    ConcatAdapter,
    MajorityAdapter,
    ProductAdapter,
    RankingAdapter,
)
from clvl_bench.config.adapters.heads import LinearAdapter, NoneAdapter
from clvl_bench.config.adapters.prompts import KgCoOpAdapter, PromptAdapter
from clvl_bench.config.adapters.towers import FullAdapter, LoraAdapter

Adapter = Annotated[
    NoneAdapter | FullAdapter | LoraAdapter | LinearAdapter | PromptAdapter | KgCoOpAdapter | SldaAdapter | RanPacAdapter
    | RankingAdapter | MajorityAdapter | ConcatAdapter | ProductAdapter | AnswerRanPacAdapter,
    Field(discriminator="kind"),
]

__all__ = [
    "Adapter", "AnswerRanPacAdapter", "ConcatAdapter", "MajorityAdapter", "ProductAdapter", "RankingAdapter",
    "FullAdapter", "KgCoOpAdapter", "LinearAdapter", "LoraAdapter", "NoneAdapter", "PromptAdapter", "RanPacAdapter",
    "SldaAdapter",
]  # fmt: skip
