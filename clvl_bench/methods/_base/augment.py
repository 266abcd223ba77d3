"""Augment: a strong view of pictures: flipped, shifted, two operations of RandAugment, and a square
cut out.

As FixMatch puts them together (Sohn et al. 2020, arXiv:2001.07685; Cubuk et al. 2020,
arXiv:1909.13719; DeVries & Taylor 2017, arXiv:1708.04552). Draws from torch's global generator: the
template seeds it by key around every epoch.
"""

import torch
from torch import Tensor
from torchvision.transforms import v2

OPERATIONS = 2
"""How many operations RandAugment draws for a picture."""
MAGNITUDE = 10
"""Of these operations, of 30."""
SHIFT = 8
"""The largest shift is the picture's side divided by this."""
CUT = 2
"""The side of the cut square is the picture's divided by this."""


def strong(pixels: Tensor) -> Tensor:
    """uint8 pixels [batch, 3, side, side], each picture with draws of its own."""
    side = pixels.shape[-1]
    view = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomCrop(side, padding=side // SHIFT, padding_mode="reflect"),
            v2.RandAugment(OPERATIONS, MAGNITUDE),
        ]
    )
    return torch.stack([_cut(view(picture)) for picture in pixels])


def _cut(picture: Tensor) -> Tensor:
    """A grey square around a random point, as much of it as lies inside."""
    side = picture.shape[-1]
    half = side // CUT // 2
    row, column = torch.randint(side, (2,)).tolist()
    top = max(0, row - half)
    left = max(0, column - half)
    cut = picture.clone()
    cut[:, top : row + half, left : column + half] = 127
    return cut
