"""Preprocessing: an image of any size -> uint8 pixels of the backbone's size. Normalisation is left to the image tower.

Resizing is Pillow's, as in the published models' own processing: tensor resizing differs by up to 0.028 in the features.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Preprocessing:
    """Shortest side to `resize`, then the middle `crop` x `crop`, then (x / 255 - mean) / std inside the tower."""

    resize: int
    crop: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resample: int = Image.Resampling.BICUBIC

    @property
    def key(self) -> str:
        """What of this changes features: part of the key of every cached feature."""
        return f"resize {self.resize} crop {self.crop} resample {int(self.resample)} mean {self.mean} std {self.std}"

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 [3, crop, crop] from RGB pixels [height, width, 3]."""
        height, width = image.shape[:2]
        if min(height, width) != self.resize:
            short = self.resize / min(height, width)
            size = (self.resize, int(height * short)) if width <= height else (int(width * short), self.resize)
            image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling(self.resample)))
        return np.ascontiguousarray(_middle(image, self.crop).transpose(2, 0, 1))


def _middle(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    if height < size or width < size:
        padded = np.zeros((max(height, size), max(width, size), 3), dtype=np.uint8)
        top, left = (padded.shape[0] - height + 1) // 2, (padded.shape[1] - width + 1) // 2
        padded[top : top + height, left : left + width] = image
        image, (height, width) = padded, padded.shape[:2]
    top, left = (height - size) // 2, (width - size) // 2
    return image[top : top + size, left : left + size]
