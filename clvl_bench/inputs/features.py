"""Features: what frozen towers say about images, encoded once and kept; and inputs by sample id for
everything above.

The image tower is by far the most expensive part of a frozen model, and it says the same about an
image in every epoch, evaluation, strategy and seed. Features are kept in chunks of one fixed size
under a key of everything that decides them; the name of a chunk holds its own hash, so a damaged
one is noticed, named and made again. Two processes that build the same chunk write the same bytes
to the same name.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from clvl_bench.backbones.base import Backbone, TowerBackbone, with_towers
from clvl_bench.backbones.catalog import Precision
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.backbones.precomputed import PrecomputedBackbone
from clvl_bench.backbones.preprocessing import Preprocessing
from clvl_bench.core.cache_dir import cache_dir
from clvl_bench.core.errors import Mistake, announce
from clvl_bench.core.files import sha256, write_atomically
from clvl_bench.core.ticker import Ticker
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FeaturesSource
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.features import read_text
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.split import Image, Split
from clvl_bench.inputs.kinds import InputKind

CHUNK = 256
"""Images encoded together. Fixed, because the size of a batch changes the last bits of its
features."""


def pixels_of(
    image: Callable[[int], Image], preprocessing: Preprocessing, rows: Sequence[int]
) -> Tensor:
    """uint8 pixels [rows, 3, size, size] of some images, in the backbone's size."""
    return torch.from_numpy(np.stack([preprocessing(image(row)) for row in rows]))


def encode(split: Split, backbone: Backbone) -> Tensor:
    """Image features [n, width] of a split, fp32, not normalised: from the cache, or encoded and
    then kept.

    Raises:
        Mistake: the split has images and the backbone has no towers.
    """
    if split.features is not None:
        return torch.from_numpy(split.features)
    towers = with_towers(backbone, wanted_by="encoding images")
    return _encoded(
        split, towers, towers.image_features, cache_dir() / "features" / cache_key(split, towers)
    )


def encode_patches(split: Split, backbone: TowerBackbone) -> Tensor:
    """Patch tokens [n, tokens, width] of a split, fp16, not normalised: from the cache, or encoded
    and then kept.
    """
    key = hashlib.sha256(f"{cache_key(split, backbone)} patches fp16".encode()).hexdigest()[:32]
    return _encoded(split, backbone, backbone.patch_features, cache_dir() / "features" / key)


def _encoded(
    split: Split, towers: TowerBackbone, tower: Callable[[Tensor], Tensor], folder: Path
) -> Tensor:
    assert split.image is not None
    tick = Ticker(f"encoding images with {towers.name}", len(split))
    chunks = []
    for number, start in enumerate(range(0, len(split), CHUNK)):
        rows = range(start, min(start + CHUNK, len(split)))
        make = partial(_through, tower, split.image, towers, rows)
        chunks.append(load_or_compute(folder, f"{number:05d}", len(rows), make))
        tick(rows.stop)
    return torch.cat(chunks)


def _through(
    tower: Callable[[Tensor], Tensor],
    image: Callable[[int], Image],
    towers: TowerBackbone,
    rows: range,
) -> Tensor:
    return tower(pixels_of(image, towers.preprocessing, rows))


def cache_key(split: Split, backbone: TowerBackbone) -> str:
    """Weights, preprocessing, data and chunk size: everything that decides the features."""
    parts = (
        backbone.weights_sha256,
        backbone.preprocessing.key,
        split.content,
        f"chunk {CHUNK}",
        backbone.precision,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def load_or_compute(
    folder: Path, name: str, rows: int, make: Callable[[], Tensor], *, what: str = "its images are"
) -> Tensor:
    """A tensor of so many rows that lies on disk; made and kept where there is none. One that does
    not fit the hash in its name is removed and made again.
    """
    for path in sorted(folder.glob(f"{name}-*.safetensors")):
        data = path.read_bytes()
        try:
            if (
                path.stem.partition("-")[2] == sha256(data)
                and len(found := load(data)["features"]) == rows
            ):
                there: Tensor = found
                return there
        except (SafetensorError, KeyError):
            pass
        announce(path, f"{what} encoded again")
        path.unlink(missing_ok=True)
    features = make().cpu()
    data = save({"features": features.contiguous()})
    write_atomically(folder / f"{name}-{sha256(data)}.safetensors", data, durable=False)
    return features


SMALL = 64
"""Pixels of at most this side are held in memory, 12 KiB an image at most; larger ones are decoded
as they are asked for."""


class Inputs:
    """What a strategy sees of samples, by their ids, which number the samples of all splits in
    turn.

    Features and small pixels are one tensor in memory: a minibatch is an index, never a loop over
    samples.
    """

    def __init__(
        self,
        input_kind: InputKind,
        splits: Sequence[Split],
        backbone: Backbone,
        *,
        device: str = "cpu",
    ) -> None:
        self.input_kind, self.device = input_kind, device
        self._starts = np.cumsum([0, *(len(split) for split in splits)])
        self._table: Tensor | None = None
        if input_kind == "image_features":
            self._table = torch.cat([encode(split, backbone) for split in splits]).to(device)
            return
        self._preprocessing = with_towers(
            backbone, wanted_by="a strategy that reads pixels"
        ).preprocessing
        # Only the images are taken from a split: whoever holds these inputs must not reach its
        # labels.
        self._images = [split.image for split in splits if split.image is not None]
        if self._preprocessing.crop <= SMALL:
            everything = zip(self._images, splits, strict=True)
            parts = [
                pixels_of(image, self._preprocessing, range(len(split)))
                for image, split in everything
            ]
            self._table = torch.cat(parts).to(device)

    def __call__(self, ids: Tensor) -> Tensor:
        """Rows [batch, ...] for sample ids [batch]: float features or uint8 pixels, on the
        strategy's device.
        """
        if self._table is not None:
            return self._table[ids.to(self.device)]
        return torch.cat([self._decoded(int(sample)) for sample in ids]).to(self.device)

    def image_features(self, ids: Tensor) -> Tensor:
        """Image features [batch, width] for sample ids [batch], of inputs that are image
        features.
        """
        return self(ids)

    def _decoded(self, sample: int) -> Tensor:
        part = int(np.searchsorted(self._starts, sample, side="right")) - 1
        return pixels_of(
            self._images[part], self._preprocessing, [sample - int(self._starts[part])]
        )


def backbone_for(
    name: str,
    data: Sequence[tuple[ImageDataset | VqaDataset, Split | QuestionSplit]],
    *,
    device: str = "cpu",
    precision: Precision = "fp32",
) -> Backbone:
    """The backbone of that name or path; for precomputed features, the one that they declare.

    Raises:
        Mistake: features of different backbones, or features beside images.
        Missing, Damage: as `load_backbone`.
    """
    sources = [dataset.source for dataset, _ in data]
    declared = {
        (source.backbone, source.logit_scale)
        for source in sources
        if isinstance(source, FeaturesSource)
    }
    if not declared:
        return load_backbone(name, device=device, precision=precision)
    if len(declared) > 1 or not all(isinstance(source, FeaturesSource) for source in sources):
        names = ", ".join(sorted(known for known, _ in declared))
        raise Mistake(
            f"datasets: precomputed features of {names} cannot be mixed with others or with images"
        )
    ((origin, logit_scale),) = declared
    text: dict[str, tuple[Sequence[str], Tensor] | None] = {}
    for dataset, _ in data:
        assert isinstance(dataset, ImageDataset)  # of precomputed features
        rows = read_text(dataset)
        text[dataset.name] = None if rows is None else (dataset.classes, torch.from_numpy(rows))
    width = next(
        split.features.shape[1]
        for _, split in data
        if isinstance(split, Split) and split.features is not None
    )
    return PrecomputedBackbone(name=origin, logit_scale=logit_scale, width=width, text=text)
