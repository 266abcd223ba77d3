"""What a strategy file may say about its adapter: one class a kind. The union is the registry; `kind` names the module."""

from typing import Annotated

from pydantic import Field

from clvl_bench.config.adapters.analytic import RanPacAdapter, SldaAdapter
from clvl_bench.config.adapters.features import ClipAdapter, TipAdapter, TipAdapterF
from clvl_bench.config.adapters.heads import CosineAdapter, LinearAdapter, NoneAdapter
from clvl_bench.config.adapters.prompts import AttriClipAdapter, CoCoOpAdapter, ContextAdapter, KgCoOpAdapter, PromptAdapter
from clvl_bench.config.adapters.towers import FullAdapter, LoraAdapter

Adapter = Annotated[
    NoneAdapter
    | FullAdapter
    | LoraAdapter
    | LinearAdapter
    | CosineAdapter
    | ClipAdapter
    | TipAdapter
    | TipAdapterF
    | PromptAdapter
    | KgCoOpAdapter
    | CoCoOpAdapter
    | AttriClipAdapter
    | SldaAdapter
    | RanPacAdapter,
    Field(discriminator="kind"),
]

__all__ = [
    "Adapter", "AttriClipAdapter", "ClipAdapter", "CoCoOpAdapter", "ContextAdapter", "CosineAdapter", "FullAdapter",
    "KgCoOpAdapter", "LinearAdapter", "LoraAdapter", "NoneAdapter", "PromptAdapter", "RanPacAdapter", "SldaAdapter",
    "TipAdapter", "TipAdapterF",
]  # fmt: skip
