"""Views: what training sees of an image where it is augmented. Testing never does.

A view is a part of the image with its own place and shape, resized to the backbone's size, and
mirrored or not (RandomResizedCrop and RandomHorizontalFlip of the papers' code). It is a pure
function of the image and a key. Where pixels are read the key is (seed, experience, epoch, sample),
so that every epoch sees another view. Where cached features are, an image has a fixed number of
views, each drawn by the image and the view's number alone: they are encoded once, for all runs, and
(seed, experience, epoch, sample) decides which of them is read.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pictures
from torch import Tensor

from clvl_bench.backbones.base import TowerBackbone
from clvl_bench.backbones.preprocessing import Preprocessing
from clvl_bench.core.cache_dir import cache_name
from clvl_bench.core.rng import rng, seed_of
from clvl_bench.data.readers.split import Image, Split
from clvl_bench.inputs.augmentation_config import AugmentationConfig
from clvl_bench.inputs.features import cache_key, encode_chunks

RATIOS = (3 / 4, 4 / 3)
"""Width over height of a part, at least and at most."""
ATTEMPTS = 10
"""Draws of a part that may reach over the image's border, before the middle is taken."""

NO_ROW = 2**62
"""Of a sample without views: no tensor has such a row, so that reading one fails."""

Box = tuple[int, int, int, int]
"""Top, left, height and width of a part."""


def draw_box(
    height: int, width: int, scale: tuple[float, float], draws: np.random.Generator
) -> Box:
    """A part of an image of that size, as torchvision's RandomResizedCrop draws it: its share of
    the area is uniform in `scale`, the logarithm of its sides' ratio uniform, its place uniform.

    Where none of `ATTEMPTS` parts fits, as in a very long image, the middle in the nearest ratio.
    """
    for _ in range(ATTEMPTS):
        area = height * width * draws.uniform(*scale)
        ratio = math.exp(draws.uniform(math.log(RATIOS[0]), math.log(RATIOS[1])))
        part_width = round(math.sqrt(area * ratio))
        part_height = round(math.sqrt(area / ratio))
        if 0 < part_width <= width and 0 < part_height <= height:
            top = int(draws.integers(height - part_height + 1))
            left = int(draws.integers(width - part_width + 1))
            return top, left, part_height, part_width
    part_width = min(width, round(height * RATIOS[1]))
    part_height = min(height, round(width / RATIOS[0]))
    return (height - part_height) // 2, (width - part_width) // 2, part_height, part_width


def view_of(
    image: Image, preprocessing: Preprocessing, config: AugmentationConfig, *key: object
) -> NDArray[np.uint8]:
    """uint8 [3, crop, crop] of RGB pixels [height, width, 3]: the view that the key names.

    Example:
        >>> import numpy as np
        >>> from clvl_bench.backbones.preprocessing import Preprocessing
        >>> from clvl_bench.inputs.augmentation_config import AugmentationConfig
        >>> image = np.zeros((40, 60, 3), dtype=np.uint8)
        >>> preprocessing = Preprocessing(32, 32, mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> view_of(image, preprocessing, AugmentationConfig(scale=(0.9, 1.0)), 0).shape
        (3, 32, 32)
    """
    # Imported here: only who trains on views needs torchvision.
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional

    draws = rng("augmentation", *key)
    box = draw_box(image.shape[0], image.shape[1], config.scale, draws)
    mirrored = draws.random() < 0.5
    picture = Pictures.fromarray(image)
    side = preprocessing.crop
    resample = Pictures.Resampling(preprocessing.resample).name.lower()
    mode = InterpolationMode(resample)
    view = functional.resized_crop(picture, *box, size=[side, side], interpolation=mode)
    if config.flip and mirrored:
        view = functional.horizontal_flip(view)
    return np.ascontiguousarray(np.asarray(view).transpose(2, 0, 1))


class PixelViews:
    """A new view of every sample in every epoch.

    Args:
        image: RGB pixels of a sample, by its id.
        device: where the strategy reads.
    """

    def __init__(
        self,
        config: AugmentationConfig,
        image: Callable[[int], Image],
        preprocessing: Preprocessing,
        *,
        device: str = "cpu",
    ) -> None:
        self._config = config
        self._image = image
        self._preprocessing = preprocessing
        self._device = device

    def __call__(self, ids: Tensor, seed: int, experience: int, epoch: int) -> Tensor:
        """uint8 pixels [batch, 3, side, side] for sample ids [batch]."""
        views = []
        for sample in ids.tolist():
            key = (seed, experience, epoch, sample)
            image = self._image(sample)
            views.append(view_of(image, self._preprocessing, self._config, *key))
        return torch.from_numpy(np.stack(views)).to(self._device)


class FeatureViews:
    """One of the views of every sample, encoded once, in every epoch.

    Args:
        splits: all of a benchmark, in the order of its sample ids.
        trained: for each split whether samples of it are trained on: only these have views.
    """

    def __init__(
        self,
        config: AugmentationConfig,
        splits: Sequence[Split],
        trained: Sequence[bool],
        backbone: TowerBackbone,
        *,
        device: str = "cpu",
    ) -> None:
        self._count = config.views
        rows = []
        features = []
        n_rows = 0
        for split, has_views in zip(splits, trained, strict=True):
            if not has_views:
                rows.append(torch.full((len(split),), NO_ROW))
                continue
            rows.append(torch.arange(n_rows, n_rows + len(split)))
            features.append(encode_views(split, backbone, config))
            n_rows += len(split)
        self._row_of = torch.cat(rows)
        self._features = torch.cat(features, dim=1).to(device)

    def __call__(self, ids: Tensor, seed: int, experience: int, epoch: int) -> Tensor:
        """Float features [batch, width] for sample ids [batch]."""
        chosen = [
            seed_of("view", seed, experience, epoch, sample) % self._count
            for sample in ids.tolist()
        ]
        return self._features[torch.tensor(chosen), self._row_of[ids]]


def encode_views(split: Split, backbone: TowerBackbone, config: AugmentationConfig) -> Tensor:
    """Image features [views, n, width] of the views of a split: from the cache, or encoded and then
    kept.
    """
    plain = cache_key(split, backbone)
    how = f"scale {config.scale[0]!r} {config.scale[1]!r} flip {config.flip}"
    views = []
    for number in range(config.views):
        # A view depends on its number alone, so that eight views hold the four of another run.
        key = cache_name(f"{plain} view {number} {how}")
        compute = partial(_encode_view, split, backbone, config, number)
        title = f"encoding view {number + 1} of {config.views} with {backbone.name}"
        views.append(encode_chunks(split, backbone, compute, key, title=title))
    return torch.stack(views)


def _encode_view(
    split: Split, backbone: TowerBackbone, config: AugmentationConfig, number: int, rows: range
) -> Tensor:
    assert split.image is not None
    views = []
    for row in rows:
        key = (split.identity(row), number)
        views.append(view_of(split.image(row), backbone.preprocessing, config, *key))
    return backbone.image_features(torch.from_numpy(np.stack(views)))


Views = PixelViews | FeatureViews
"""Augmented inputs [batch, ...] of training samples by (ids, seed, experience, epoch)."""
