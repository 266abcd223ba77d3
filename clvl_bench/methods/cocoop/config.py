"""Settings of `cocoop`."""

from typing import Literal

from pydantic import Field

from clvl_bench.methods._base.context_config import ContextConfig


class CoCoOpConfig(ContextConfig):
    """CoCoOp: a learned context that every image shifts (Zhou et al. 2022, arXiv:2203.05557)."""

    kind: str = "cocoop"
    shift_init: Literal["random", "zero"] = Field(
        "random",
        description="the net that shifts the context starts as published, or with a last layer of "
        "zeros: as CoOp",
    )
    chunk: int = Field(
        512, ge=1, description="sentences held in the text tower, about 2 MiB each with ViT-B/32's"
    )
