"""What a strategy file may say about its adapter: one class a kind. The union is the registry; `kind` names the module."""

from typing import Annotated

from pydantic import Field

from clvl_bench.config.adapters.analytic import NcmAdapter, RailAdapter, RailDualAdapter, RanPacAdapter, SldaAdapter
from clvl_bench.config.adapters.features import ClipAdapter, TipAdapter, TipAdapterF
from clvl_bench.config.adapters.heads import CosineAdapter, LinearAdapter, NoneAdapter
from clvl_bench.config.adapters.prompts import AttriClipAdapter, CoCoOpAdapter, ContextAdapter, KgCoOpAdapter, PromptAdapter
from clvl_bench.config.adapters.students import StudentAdapter
from clvl_bench.config.adapters.towers import FullAdapter, LoraAdapter

Adapter = Annotated[
    NoneAdapter
    | LinearAdapter
    | CosineAdapter
    | FullAdapter
    | LoraAdapter
    | ClipAdapter
    | TipAdapter
    | TipAdapterF
    | PromptAdapter
    | KgCoOpAdapter
    | CoCoOpAdapter
    | AttriClipAdapter
    | NcmAdapter
    | SldaAdapter
    | RanPacAdapter
    | RailAdapter
    | RailDualAdapter
    | StudentAdapter,
    Field(discriminator="kind"),
]

__all__ = [
    "Adapter", "AttriClipAdapter", "ClipAdapter", "CoCoOpAdapter", "ContextAdapter", "CosineAdapter", "FullAdapter",
    "KgCoOpAdapter", "LinearAdapter", "LoraAdapter", "NcmAdapter", "NoneAdapter", "PromptAdapter", "RailAdapter",
    "RailDualAdapter", "RanPacAdapter", "SldaAdapter", "StudentAdapter", "TipAdapter", "TipAdapterF",
]  # fmt: skip
