"""Branch of InfLoRA: a frozen linear layer and an update of it in directions that were chosen."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class Branch(nn.Module):
    """x W' + b + (x A') B' with A [rank, in] chosen and B [out, rank] learned, 0 at the start. The
    paper calls A its B_t and B its A_t; these are the names of LoRA and of the released code.
    """

    weight: Tensor
    down: Tensor

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        out_width, in_width = base.weight.shape
        self.register_buffer("weight", base.weight.detach().clone())
        self.bias = base.bias
        self.register_buffer("down", base.weight.new_zeros(min(rank, in_width), in_width))
        self.up = nn.Parameter(base.weight.new_zeros(out_width, len(self.down)))
        self.gram: Tensor | None = None
        """While inputs are watched, the sum of x x' [in, in], in float64."""

    def forward(self, hidden: Tensor) -> Tensor:
        if self.gram is not None:
            rows = hidden.detach().flatten(0, -2).double()
            self.gram += rows.T @ rows
        update = linear(linear(hidden, self.down), self.up)
        return linear(hidden, self.weight, self.bias) + update

    def watch(self) -> None:
        """Sum up inputs from now on."""
        width = self.weight.shape[1]
        self.gram = torch.zeros(width, width, dtype=torch.float64, device=self.weight.device)

    def watched(self) -> Tensor:
        """What was summed up; no more is."""
        assert self.gram is not None, "inputs were watched"
        gram = self.gram
        self.gram = None
        return gram

    @torch.no_grad()
    def merge(self) -> None:
        """The update becomes a part of W, and a fresh one begins."""
        self.weight += self.up @ self.down
        self.up.zero_()
