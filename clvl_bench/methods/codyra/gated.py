"""Gated updates: a linear layer whose weight moves by a sum of rank-one parts, each with a gate."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class GatedLinear(nn.Module):
    """x W' + b + ((x A') * g) B', with A [rank, in], B [out, rank] and g [rank]. W is a buffer: no
    gradient moves it, and updates are merged into it.
    """

    weight: Tensor

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        out_width, in_width = base.weight.shape
        self.register_buffer("weight", base.weight.detach().clone())
        self.bias = base.bias
        self.down = nn.Parameter(base.weight.new_empty(rank, in_width))
        self.up = nn.Parameter(base.weight.new_empty(out_width, rank))
        self.gate = nn.Parameter(base.weight.new_empty(rank))
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        """A fresh update, which changes nothing yet: B is 0, A and the gates are drawn as
        released.
        """
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        nn.init.zeros_(self.up)
        nn.init.normal_(self.gate)

    def forward(self, hidden: Tensor) -> Tensor:
        update = linear(linear(hidden, self.down) * self.gate, self.up)
        return linear(hidden, self.weight, self.bias) + update

    @torch.no_grad()
    def merge(self) -> None:
        """The update becomes a part of W; a closed gate brings nothing."""
        self.weight += (self.up * self.gate) @ self.down
