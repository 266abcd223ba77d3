"""Directions of inputs that InfLoRA keeps away from: a basis of them, or of all others (DualGPM;
Liang and Li 2023, as in Liang and Li 2024, arXiv:2404.00228).

Inputs are described by their gram, the sum of x x' [width, width]; shares are of its squared
singular values, as released.
"""

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor


@dataclass(frozen=True)
class Directions:
    """An orthonormal basis [width, size], never more than half of all: of the directions that were
    used, or of the `free` ones.
    """

    basis: Tensor
    free: bool = False

    def left_of(self, gram: Tensor) -> Tensor:
        """The part of inputs that lies in free directions [width, width]."""
        inside = self.basis @ (self.basis.T @ gram)
        return inside if self.free else gram - inside

    def after(self, gram: Tensor, threshold: float) -> "Directions":
        """With as many of the inputs' largest directions among the used ones as it takes, so that
        these hold the share `threshold` of the inputs.
        """
        total = torch.linalg.svdvals(gram).square().sum()
        found, singular, _ = torch.linalg.svd(self.left_of(gram))
        shares = singular.square() / total
        # The loop adds shares one by one, as released: a sum in another order may end elsewhere.
        held = 1 - float(shares.sum())
        count = 0
        while count < len(shares) and held < threshold:
            held += float(shares[count])
            count += 1
        if not self.free and not self.basis.shape[1]:
            # As released, the first experience leaves out the one that reaches the threshold.
            count = max(1, count - 1)
        if not count:
            return self
        new = found[:, :count]
        return self._without(new) if self.free else self._with(new)

    def _with(self, new: Tensor) -> "Directions":
        basis = torch.cat([self.basis, new], dim=1)[:, : len(self.basis)]
        size = basis.shape[1]
        if 2 * size <= len(basis):
            return Directions(basis)
        # More than half are used: what is kept instead are the others, behind those of the basis.
        whole = torch.linalg.svd(basis).U
        return Directions(whole[:, size:], free=True)

    def _without(self, used: Tensor) -> "Directions":
        size = max(0, self.basis.shape[1] - used.shape[1])
        rest = self.basis - used @ (used.T @ self.basis)
        return Directions(torch.linalg.svd(rest).U[:, :size], free=True)


def none_used(weight: Tensor) -> Directions:
    """Before the first experience of a layer of weight [out, width]."""
    return Directions(weight.new_zeros(weight.shape[1], 0, dtype=torch.float64))


def largest(inputs: Tensor, rank: int) -> Tensor:
    """The `rank` largest directions of what is left of inputs [width, width], as rows of length 1 /
    sqrt(3), as released; rows of zeros where nothing is left.
    """
    found, singular, _ = torch.linalg.svd(inputs)
    is_there = singular[:rank] > torch.finfo(torch.float32).eps * singular[0]
    rows: Tensor = found[:, :rank].T * is_there[:, None] / sqrt(3)
    return rows
