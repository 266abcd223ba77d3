"""Settings of `answer_attention`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.answer_config import _UNSEEN, Unseen
from clvl_bench.methods._base.config import AdapterConfig


class AttentionConfig(AdapterConfig):
    """Cross-attention: the question looks at the patches of the image, answers are text embeddings
    (fp16 patches in memory).
    """

    input_kind: ClassVar[InputKind] = "question_patches"
    kind: str = "answer_attention"
    unseen: Unseen = Field("scored", description=_UNSEEN)
    layers: int = Field(2, ge=1)
    heads: int = Field(8, ge=1, description="must divide the width of the backbone's features")
    dropout: float = Field(0.1, ge=0, lt=1)
    patch_dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of the patches that a training step hides from a question",
    )
