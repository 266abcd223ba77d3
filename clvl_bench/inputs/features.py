"""Features: what frozen towers compute of images, encoded once and kept; and inputs by sample id
for everything above.

The image tower is by far the most expensive part of a frozen model, and its features of an image
are the same in every epoch, evaluation, strategy and seed. Features are kept in chunks of one fixed
size under a key of everything that decides them.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, TowerBackbone, l2_normalize, with_towers
from clvl_bench.backbones.kept import encoded_together, load_or_compute
from clvl_bench.backbones.preprocessing import Preprocessing
from clvl_bench.core import stopping, world
from clvl_bench.core.cache_dir import cache_dir, cache_name
from clvl_bench.core.resources import free_memory
from clvl_bench.core.ticker import Ticker
from clvl_bench.data.readers.mapped import MappedRows
from clvl_bench.data.readers.split import Features, Image, Split
from clvl_bench.inputs.kinds import InputKind

CHUNK = 256
"""Images encoded together. Fixed, because the size of a batch changes the last bits of its
features."""

SMALL = 64
"""Pixels of at most this side are held in memory, 12 KiB an image at most; larger ones are decoded
when a batch needs them."""


def pixels_of(
    image: Callable[[int], Image], preprocessing: Preprocessing, rows: Sequence[int]
) -> Tensor:
    """uint8 pixels [rows, 3, size, size] of some images, in the backbone's size."""
    return torch.from_numpy(np.stack([preprocessing(image(row)) for row in rows]))


def encode(split: Split, backbone: Backbone) -> Tensor:
    """Image features [n, width] of a split, fp32, not normalised: from the cache, or encoded and
    then kept. Precomputed ones are NaN where there are none of this backbone, and unit where the
    split says so.

    Raises:
        Mistake: the split has images and the backbone has no towers.
    """
    if split.features is not None:
        known = split.features(backbone.name)
        if known is None:
            return torch.full((len(split), backbone.width), float("nan"))
        return unit_rows(known) if split.unit else torch.from_numpy(known)
    towers = with_towers(backbone, wanted_by="encoding images")
    return _encoded(split, towers, towers.image_features, cache_key(split, towers))


def unit_rows(features: Features) -> Tensor:
    """Unit rows, made so in the precision in which they are stored, as fp32.

    Whoever publishes features in half precision measures with rows that are unit in half: made unit
    in fp32, they give other accuracies (up to 0.3 points for the CLIP models on WHU-RS19).
    """
    return l2_normalize(torch.from_numpy(features)).float()


def encode_patches(split: Split, backbone: TowerBackbone) -> Tensor:
    """Patch tokens [n, tokens, width] of a split, fp16, not normalised: from the cache, or encoded
    and then kept.
    """
    key = cache_name(f"{cache_key(split, backbone)} patches fp16")
    return _encoded(split, backbone, backbone.patch_features, key)


def _encoded(
    split: Split, towers: TowerBackbone, tower: Callable[[Tensor], Tensor], key: str
) -> Tensor:
    """All chunks of a split, each from the cache or encoded by the tower."""
    assert split.image is not None
    compute = partial(_encode_rows, tower, split.image, towers)
    title = f"encoding images with {towers.name}"
    return encode_chunks(split, towers, compute, key, title=title)


def encode_chunks(
    split: Split,
    towers: TowerBackbone,
    compute: Callable[[range], Tensor],
    key: str,
    *,
    title: str,
) -> Tensor:
    """What the towers make of a split's images [n, ...], chunk by chunk: from the cache under that
    key, or computed for a range of rows and then kept.

    Raises:
        Damage, RunFailed: an image's row is no feature.
    """
    folder = cache_dir() / "features" / key
    # Chunks begin at multiples of CHUNK, whatever is asked for: an image is always encoded beside
    # the same neighbours, so its features have the same bits in every run.
    starts = range(0, len(split), CHUNK)
    names = [f"{number:05d}" for number in range(len(starts))]
    tick = Ticker(title, len(split))
    whole: Tensor | None = None

    def place(number: int) -> None:
        nonlocal whole
        rows = range(starts[number], min(starts[number] + CHUNK, len(split)))
        chunk = load_or_compute(folder, names[number], len(rows), partial(compute, rows))
        towers.refuse_no_numbers(chunk, split.keys[rows.start : rows.stop], what="image")
        if whole is None:
            whole = chunk.new_empty(len(split), *chunk.shape[1:])
        whole[rows.start : rows.stop] = chunk
        tick(rows.stop)
        stopping.stop_if_asked()

    # Several processes of a run encode every n-th chunk each, and then read the others'.
    numbers = range(len(starts))
    own = numbers[world.rank() :: world.size()]
    with encoded_together(folder, names, title):
        for number in own:
            place(number)
        world.wait_for_all()
        for number in numbers:
            if number not in own:
                place(number)
    assert whole is not None, "a split has samples"
    return whole


def _encode_rows(
    tower: Callable[[Tensor], Tensor],
    image: Callable[[int], Image],
    towers: TowerBackbone,
    rows: range,
) -> Tensor:
    return tower(pixels_of(image, towers.preprocessing, rows))


def cache_key(split: Split, backbone: TowerBackbone) -> str:
    """The backbone's files, preprocessing, data, chunk and precision: everything that decides the
    features.
    """
    parts = (
        backbone.files_sha256,
        backbone.preprocessing.key,
        split.content,
        f"chunk {CHUNK}",
        backbone.precision,
    )
    return cache_name("\n".join(parts))


def _on_disk(splits: Sequence[Split], backbone: Backbone) -> MappedRows | None:
    """Precomputed features where they lie; None where all of them are in memory, or must be made
    unit as a whole.
    """
    arrays = []
    for split in splits:
        known = None if split.features is None or split.unit else split.features(backbone.name)
        if known is None:
            return None
        arrays.append(known)
    if not any(isinstance(array, np.memmap) for array in arrays):
        return None
    return MappedRows(arrays)


def placed(whole: Tensor, device: str) -> Tensor:
    """On the device, where it leaves half of a GPU's free memory to the learner; else where it
    is, from where minibatches are moved.
    """
    if device.startswith("cuda") and 2 * whole.nbytes > free_memory("cuda")[0]:
        return whole
    return whole.to(device)


def _moved(batch: Tensor, device: str) -> Tensor:
    """A batch on the device; to a GPU it goes while the processor prepares what comes next."""
    if device.startswith("cuda") and not batch.is_cuda:
        return batch.pin_memory().to(device, non_blocking=True)
    return batch.to(device)


def _joined(parts: list[Tensor]) -> Tensor:
    """One tensor of several, each of which is let go as soon as it is copied."""
    whole = parts[0].new_empty(sum(map(len, parts)), *parts[0].shape[1:])
    start = 0
    while parts:
        part = parts.pop(0)
        whole[start : start + len(part)] = part
        start += len(part)
    return whole


class Inputs:
    """What a strategy sees of samples, by their ids, which count through the samples of all splits.

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
        self.input_kind = input_kind
        self.device = device
        self._starts = np.cumsum([0, *(len(split) for split in splits)])
        self._in_memory: Tensor | None = None
        self._on_disk: MappedRows | None = None
        if input_kind == "image_features":
            self._on_disk = _on_disk(splits, backbone)
            if self._on_disk is None:
                features = [encode(split, backbone) for split in splits]
                self._in_memory = placed(_joined(features), device)
            return
        towers = with_towers(backbone, wanted_by="a strategy that reads pixels")
        self.preprocessing = towers.preprocessing
        # Only the images are taken from a split: code that reaches these inputs must not reach the
        # labels through them.
        self._images = [split.image for split in splits if split.image is not None]
        if self.preprocessing.crop <= SMALL:
            pixels = []
            for image, split in zip(self._images, splits, strict=True):
                pixels.append(pixels_of(image, self.preprocessing, range(len(split))))
            self._in_memory = placed(_joined(pixels), device)

    def __call__(self, ids: Tensor) -> Tensor:
        """Rows [batch, ...] for sample ids [batch]: float features or uint8 pixels, on the
        strategy's device.
        """
        if self._in_memory is not None:
            return _moved(self._in_memory[ids.to(self._in_memory.device)], self.device)
        if self._on_disk is not None:
            return _moved(torch.from_numpy(self._on_disk(ids.cpu().numpy())), self.device)
        return _moved(torch.cat([self._decoded(int(sample)) for sample in ids]), self.device)

    def image_features(self, ids: Tensor) -> Tensor:
        """Image features [batch, width] for sample ids [batch], of inputs that are image
        features.
        """
        return self(ids)

    def image(self, sample: int) -> Image:
        """RGB pixels [height, width, 3] of one sample, before any preprocessing; of inputs that are
        pixels.
        """
        # The split whose first id is the last one not behind the sample.
        split = int(np.searchsorted(self._starts, sample, side="right")) - 1
        return self._images[split](sample - int(self._starts[split]))

    def _decoded(self, sample: int) -> Tensor:
        """The pixels [1, 3, size, size] of one sample."""
        return pixels_of(self.image, self.preprocessing, [sample])
