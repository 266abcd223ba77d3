"""Preprocessing: an image of any size -> uint8 pixels of the backbone's size. Normalisation is left
to the image tower.

Resizing is Pillow's, as in the published models' own processing: tensor resizing differs by up to
0.028 in the features.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from clvl_bench.core.errors import Damage
from clvl_bench.core.files import parse_json

LARGEST = 4096
"""Pixels of the longest side that a tower may ask for."""


@dataclass(frozen=True)
class Preprocessing:
    """Shortest side to `resize`, then the middle `crop` x `crop`, then (x / 255 - mean) / std
    inside the tower.

    With `squash` both sides to `crop`, whatever the shape of the image, as SigLIP does.
    """

    resize: int
    crop: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resample: int = Image.Resampling.BICUBIC
    squash: bool = False

    @property
    def key(self) -> str:
        """What of this changes features: part of the key of every cached feature."""
        how = "squash " if self.squash else ""
        return (
            f"{how}resize {self.resize} crop {self.crop} resample {int(self.resample)} mean "
            f"{self.mean} std {self.std}"
        )

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 [3, crop, crop] from RGB pixels [height, width, 3]."""
        height, width = image.shape[:2]
        size = self._size(height, width)
        if size != (height, width):
            resample = Image.Resampling(self.resample)
            image = np.asarray(Image.fromarray(image).resize((size[1], size[0]), resample))
        return np.ascontiguousarray(_middle(image, self.crop).transpose(2, 0, 1))

    def _size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of an image after resizing."""
        if self.squash:
            return self.crop, self.crop
        shortest = min(height, width)
        if shortest == self.resize:
            return height, width
        # The shorter side is exact; the longer one is cut off to a whole number.
        scale = self.resize / shortest
        if width <= height:
            return int(height * scale), self.resize
        return self.resize, int(width * scale)


def _middle(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    if height < size or width < size:
        image = _with_border(image, max(height, size), max(width, size))
        height, width = image.shape[:2]
    top = (height - size) // 2
    left = (width - size) // 2
    return image[top : top + size, left : left + size]


def _with_border(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The image in the middle of a black one."""
    whole = np.zeros((height, width, 3), dtype=np.uint8)
    top = (height - image.shape[0] + 1) // 2
    left = (width - image.shape[1] + 1) // 2
    whole[top : top + image.shape[0], left : left + image.shape[1]] = image
    return whole


def as_bytes(values: Sequence[float]) -> Tensor:
    """A mean or deviation of pixels in 0..1, one a channel, for pixels in 0..255 [1, 3, 1, 1]."""
    return torch.tensor(values).view(1, 3, 1, 1) * 255


def read_preprocessing(path: Path) -> Preprocessing:
    """Sizes, mean and deviation from a published preprocessor_config.json, in CLIP's older and
    newer form and in SigLIP's.

    Raises:
        Damage: the file is missing or lacks one of them.
    """
    try:
        content = parse_json(path.read_bytes())
        _refuse_other_steps(content)
        normalized = content.get("do_normalize", True)
        return Preprocessing(
            **_sizes(content),
            mean=_of_channels(content, "image_mean") if normalized else (0.0,) * 3,
            std=_of_channels(content, "image_std") if normalized else (1.0,) * 3,
            resample=int(Image.Resampling(content.get("resample", 3))),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise Damage(f"{path}: cannot be read as a preprocessing configuration ({error})") from None


def _refuse_other_steps(content: dict[str, Any]) -> None:
    """Raises:
    ValueError: the configuration leaves out a step that is always done here, or scales by another
        factor.
    """
    for step in ("do_resize", "do_rescale"):
        if content.get(step, True) is not True:
            raise ValueError(f"{step} is {content[step]}; only true is read")
    factor = float(content.get("rescale_factor", 1 / 255))
    if abs(factor * 255 - 1) > 1e-6:
        raise ValueError(f"rescale_factor is {factor}; only 1/255 is read")
    squashes = isinstance(content["size"], dict) and "height" in content["size"]
    if not squashes and content.get("do_center_crop", True) is not True:
        raise ValueError("do_center_crop is false; only true is read where shorter sides count")


def _of_channels(content: dict[str, Any], name: str) -> tuple[float, ...]:
    values = tuple(map(float, content[name]))
    if len(values) != 3 or not all(map(math.isfinite, values)):
        raise ValueError(f"{name}: got {values}; expected a number for each of three colours")
    if name == "image_std" and min(values) <= 0:
        raise ValueError(f"{name}: got {values}; a deviation is above zero")
    return values


def _sizes(content: dict[str, Any]) -> dict[str, Any]:
    sizes = _read_sizes(content)
    for side in (sizes["resize"], sizes["crop"]):
        if not 1 <= side <= LARGEST:
            raise ValueError(f"sides of {side} pixels; 1 to {LARGEST:,} are read")
    return sizes


def _read_sizes(content: dict[str, Any]) -> dict[str, Any]:
    size = content["size"]
    if isinstance(size, dict) and "height" in size:  # both sides at once, and no crop
        if size["height"] != size["width"]:
            raise ValueError(f"size: got {size}, only squares are read")
        return {"resize": int(size["height"]), "crop": int(size["height"]), "squash": True}
    crop = content["crop_size"]
    if isinstance(crop, dict) and crop["height"] != crop["width"]:
        raise ValueError(f"crop_size: got {crop}, only squares are read")
    return {
        "resize": int(size["shortest_edge"] if isinstance(size, dict) else size),
        "crop": int(crop["height"] if isinstance(crop, dict) else crop),
    }
