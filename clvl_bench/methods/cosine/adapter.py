"""Cosine head: one unit row a class on frozen unit image features, begun at the class's text.

Gidaris & Komodakis 2018, Dynamic few-shot visual learning without forgetting (arXiv:1804.09458); in
continual learning Hou et al. 2019 (LUCIR, CVPR): without lengths and biases, new classes cannot
outweigh old ones by the size of their rows. Differs: the scale is the backbone's own and is not
trained; rows start as class texts and not at random.
"""

from torch import Tensor

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.methods._base.adapter import ClassIds
from clvl_bench.methods._base.heads import Head

SMALLEST = 1e-12
"""Length below which a row counts as zero: a class without a text starts so."""


class Cosine(Head):
    """Logits are scale * unit features @ unit weight'."""

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        weight = self.rows(candidates, self.weight, self.class_texts(candidates))
        length = weight.norm(dim=-1, keepdim=True).clamp(min=SMALLEST)
        scores: Tensor = self.backbone.logit_scale * l2_normalize(inputs) @ (weight / length).T
        return scores
