"""Attention of PROOF: one head over an image, all class texts, all prototypes and the context."""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """Self-attention of one head with a residual and a layer norm behind it, started as released:
    LayerNorm(x + W softmax(q k' / sqrt(width)) v).
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        for projection in (self.query, self.key, self.value):
            nn.init.normal_(projection.weight, std=width**-0.5)
        nn.init.xavier_normal_(self.out.weight)
        self._dropout = dropout
        self._drop_out = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, answered: int) -> Tensor:
        """The first `answered` of tokens [batch, tokens, width] as they are beside all of them."""
        asking = tokens[:, :answered]
        mixed = scaled_dot_product_attention(
            self.query(asking),
            self.key(tokens),
            self.value(tokens),
            dropout_p=self._dropout if self.training else 0.0,
        )
        fused: Tensor = self.norm(self._drop_out(self.out(mixed)) + asking)
        return fused


def fuse(
    attention: Attention, images: Tensor, texts: Tensor, prototypes: Tensor, context: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Images [batch, width] each beside all texts [classes, width], prototypes [classes, width] and
    the context [length, width].

    Returns:
        The images [batch, width], and as each of them made them the texts and the prototypes, both
        [batch, classes, width].
    """
    beside = torch.cat([texts, prototypes, context]).expand(len(images), -1, -1)
    tokens = torch.cat([images[:, None], beside], dim=1)
    classes = len(texts)
    fused = attention(tokens, 1 + 2 * classes)
    return fused[:, 0], fused[:, 1 : 1 + classes], fused[:, 1 + classes :]
