"""Fusion: what a regression says beside what zero-shot says (Xu et al. 2024, RAIL,
arXiv:2406.18868, section 4.3).

Where zero-shot's best class was learned, the score of a class is (1 - beta) p + beta r: p its
zero-shot probability among the candidates, r the regression on one-hot targets, as it comes out and
0 for classes that were not learned.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate


def fused(own: Tensor, zeroshot: Tensor, share: float) -> Tensor:
    """Fused scores [batch, candidates]; `own` is minus infinity for classes not learned, `zeroshot`
    are logits.
    """
    regression = own.masked_fill(torch.isneginf(own), 0.0)
    return (1 - share) * zeroshot.softmax(dim=-1) + share * regression


def refuse_without_texts(backbone: Backbone, classes: Sequence[Candidate], share: float) -> None:
    """Half of the scores would be missing.

    Raises:
        Mistake: classes without text, and a share for them.
    """
    if share < 1 and not bool(torch.isfinite(backbone.class_features(classes)).all()):
        raise Mistake(
            f"adapter.fusion: got {share}, but these data have no text features for the zero-shot "
            "half; use fusion = 1.0, the regression alone"
        )
