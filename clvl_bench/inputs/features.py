"""Features: what frozen towers compute of images, encoded once and kept; and inputs by sample id
for everything above.

The image tower is by far the most expensive part of a frozen model, and its features of an image
are the same in every epoch, evaluation, strategy and seed. Features are kept in chunks of one fixed
size under a key of everything that decides them. The name of a chunk holds its own hash, so a
damaged one is noticed, named and made again. One process at a time encodes what is missing of a
key, others wait for it.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from clvl_bench.backbones.base import Backbone, TowerBackbone, l2_normalize, with_towers
from clvl_bench.backbones.catalog import Precision
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.backbones.preprocessing import Preprocessing
from clvl_bench.core import stopping
from clvl_bench.core.cache_dir import cache_dir
from clvl_bench.core.errors import Mistake, announce, unknown
from clvl_bench.core.files import remove_strays, sha256, write_atomically
from clvl_bench.core.lock import in_turn
from clvl_bench.core.ticker import Ticker
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import BackboneFeaturesSource, FeaturesSource
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.backbone_features import digest_of
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.reading import read_text
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
        return _unit(known) if split.unit else torch.from_numpy(known)
    towers = with_towers(backbone, wanted_by="encoding images")
    return _encoded(split, towers, towers.image_features, cache_key(split, towers))


def _unit(features: Features) -> Tensor:
    """Unit rows, made so in the precision in which they are stored, as fp32.

    Whoever publishes features in half precision measures with rows that are unit in half: made unit
    in fp32, they give other accuracies (up to 0.3 points for the CLIP models on WHU-RS19).
    """
    return l2_normalize(torch.from_numpy(features)).float()


def encode_patches(split: Split, backbone: TowerBackbone) -> Tensor:
    """Patch tokens [n, tokens, width] of a split, fp16, not normalised: from the cache, or encoded
    and then kept.
    """
    key = hashlib.sha256(f"{cache_key(split, backbone)} patches fp16".encode()).hexdigest()[:32]
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
    tick = Ticker(title, len(split))
    chunks = []
    starts = range(0, len(split), CHUNK)
    names = [f"{number:05d}" for number in range(len(starts))]
    with encoded_by_one(folder, names, title):
        # Chunks begin at multiples of CHUNK, whatever is asked for: an image is always encoded
        # beside the same neighbours, so its features have the same bits in every run.
        for name, start in zip(names, starts, strict=True):
            rows = range(start, min(start + CHUNK, len(split)))
            chunk = load_or_compute(folder, name, len(rows), partial(compute, rows))
            towers.refuse_no_numbers(chunk, split.keys[start : rows.stop], what="image")
            chunks.append(chunk)
            tick(rows.stop)
            stopping.stop_if_asked()
    return torch.cat(chunks)


@contextmanager
def encoded_by_one(folder: Path, names: Sequence[str], what: str) -> Iterator[None]:
    """For the time of the block nobody else computes what a folder of the cache lacks; if another
    process does, wait for it, with a word.

    Args:
        names: of all that should be there.
        what: is done, such as "encoding images with tiny".
    """
    remove_strays(folder)
    there = {path.name.partition("-")[0] for path in folder.glob("*.safetensors")}
    if there.issuperset(names):
        yield
        return
    # Below the folder: what several names are claimed for may lie in one folder.
    with in_turn(folder / f"claims-{names[0]}", what):
        yield


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
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def load_or_compute(
    folder: Path,
    name: str,
    rows: int,
    compute: Callable[[], Tensor],
    *,
    what: str = "its images are",
) -> Tensor:
    """A tensor of so many rows that lies on disk; computed and kept where there is none. One that
    does not fit the hash in its name is removed and computed again.
    """
    for path in sorted(folder.glob(f"{name}-*.safetensors")):
        kept = _load_whole(path, rows)
        if kept is not None:
            return kept
        announce(path, f"{what} encoded again")
        # Another process may have removed it already.
        path.unlink(missing_ok=True)
    features = compute().cpu()
    data = save({"features": features.contiguous()})
    write_atomically(folder / f"{name}-{sha256(data)}.safetensors", data, durable=False)
    return features


def _load_whole(path: Path, rows: int) -> Tensor | None:
    """The tensor of a kept file; None where the file is damaged or has another number of rows."""
    data = path.read_bytes()
    if path.stem.partition("-")[2] != sha256(data):
        return None
    try:
        features: Tensor = load(data)["features"]
    except (SafetensorError, KeyError):
        return None
    return features if len(features) == rows else None


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
        if input_kind == "image_features":
            features = [encode(split, backbone) for split in splits]
            self._in_memory = torch.cat(features).to(device)
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
            self._in_memory = torch.cat(pixels).to(device)

    def __call__(self, ids: Tensor) -> Tensor:
        """Rows [batch, ...] for sample ids [batch]: float features or uint8 pixels, on the
        strategy's device.
        """
        if self._in_memory is not None:
            return self._in_memory[ids.to(self.device)]
        return torch.cat([self._decoded(int(sample)) for sample in ids]).to(self.device)

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


Data = Sequence[tuple[ImageDataset | VqaDataset, Split | QuestionSplit]]
"""Datasets of a benchmark, one entry a split that is read."""


def backbone_for(
    name: str, data: Data, *, device: str = "cpu", precision: Precision = "fp32"
) -> Backbone:
    """The backbone of that name or path; where data are precomputed features, what it said of them.

    Raises:
        Mistake: features of different backbones, features beside images, or none of this backbone.
        Missing, Damage: as `load_backbone`.
    """
    of_features = precomputed_sources(data)
    if not of_features:
        return load_backbone(name, device=device, precision=precision)
    if len(of_features) < len({dataset.name for dataset, _ in data}):
        raise Mistake("datasets: precomputed features cannot be mixed with images")
    for dataset, source in of_features.items():
        if name not in source.backbones:
            raise Mistake(
                f"dataset.{dataset}: has features of {', '.join(source.backbones)}, and the run is "
                f"about '{name}'; give --backbone {source.backbones[0]}"
            )
    return precomputed_backbone(name, data)


def teacher_for(
    name: str, data: Data, *, device: str = "cpu", precision: Precision = "fp32"
) -> Backbone:
    """Another backbone that a strategy learns from, as `backbone_for`; of precomputed features it
    needs to know those of one dataset, and has none (NaN) of the others.

    Raises:
        Mistake: data are precomputed features, and none are of this backbone.
        Missing, Damage: as `load_backbone`.
    """
    of_features = precomputed_sources(data)
    if not of_features:
        return load_backbone(name, device=device, precision=precision)
    known = sorted({each for source in of_features.values() for each in source.backbones})
    if name not in known:
        raise Mistake(f"teacher: {unknown('backbone with precomputed features', name, known)}")
    return precomputed_backbone(name, data)


def precomputed_sources(data: Data) -> dict[str, FeaturesSource | BackboneFeaturesSource]:
    """The sources of precomputed features among some datasets, by the names of these."""
    return {
        dataset.name: dataset.source
        for dataset, _ in data
        if isinstance(dataset.source, FeaturesSource | BackboneFeaturesSource)
    }


def _one_width(name: str, data: Data) -> int:
    """The width of the image features that a backbone gave, in every split of every dataset.

    Raises:
        Mistake: there are several.
    """
    widths: dict[int, str] = {}
    for dataset, split in data:
        assert isinstance(split, Split)  # questions have no precomputed features
        features = None if split.features is None else split.features(name)
        if features is not None:
            widths.setdefault(features.shape[1], dataset.name)
    if len(widths) > 1:
        told = ", ".join(f"{width} numbers ({dataset})" for width, dataset in widths.items())
        raise Mistake(f"datasets: image features of one backbone have one width; got {told}")
    return next(iter(widths))


def precomputed_backbone(name: str, data: Data) -> PrecomputedBackbone:
    """The backbone of that name as its features tell of it.

    Raises:
        Mistake: its features of images or texts have different widths, or its scales differ.
    """
    width = _one_width(name, data)
    text: dict[str, ClassTexts] = {}
    images_sha256: dict[str, str] = {}
    unit = []
    scales = set()
    of_datasets = {dataset.name: (dataset, split) for dataset, split in data}
    for dataset, split in of_datasets.values():
        assert isinstance(dataset, ImageDataset)  # questions have no precomputed features
        assert isinstance(split, Split)
        assert split.features is not None
        source = dataset.source
        assert isinstance(source, FeaturesSource | BackboneFeaturesSource)
        features = split.features(name)
        if features is None:
            continue
        unit.append(split.unit)
        scales.add(source.logit_scale)
        texts = _class_texts(dataset, name, width)
        if texts is not None:
            text[dataset.name] = texts
        if isinstance(source, BackboneFeaturesSource):
            images_sha256[dataset.name] = digest_of(dataset, name)
    if len(scales) > 1:
        raise Mistake(
            f"datasets: features of {name} have the logit scales {sorted(scales)}; all of a "
            "benchmark share one"
        )
    return PrecomputedBackbone(
        name=name,
        logit_scale=scales.pop(),
        width=width,
        text=text,
        images_sha256=images_sha256,
        gives_unit_images=all(unit),
    )


def _class_texts(dataset: ImageDataset, backbone: str, width: int) -> ClassTexts | None:
    """The text features of a dataset's classes; None where there are none.

    Raises:
        Mistake: they are of another width than the images' features.
    """
    rows = read_text(dataset, backbone)
    if rows is None:
        return None
    if rows.shape[-1] != width:
        raise Mistake(
            f"dataset.{dataset.name}: text features are {rows.shape[-1]} numbers wide, image "
            f"features {width}; give both of one backbone"
        )
    by_template = isinstance(dataset.source, BackboneFeaturesSource)
    return ClassTexts(dataset.classes, _unit(rows), dataset.templates if by_template else None)
