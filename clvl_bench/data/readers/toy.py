"""Toy worlds: pictures painted on first use, kept, and checked against the declared sha256 each
time.
"""

import hashlib
import io
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.cache_dir import cache_dir
from clvl_bench.core.errors import announce
from clvl_bench.core.files import remove_strays, write_atomically
from clvl_bench.core.lock import in_turn
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import ToyPart, ToySource
from clvl_bench.data.readers.split import Image, Split
from clvl_bench.data.toy.index import WORLDS


def read(dataset: ImageDataset, split: str) -> Split:
    """One split of a toy dataset."""
    source = dataset.source
    assert isinstance(source, ToySource)
    return read_part(source.world, source.parts[split])


def read_part(world: str, part: ToyPart) -> Split:
    """The pictures of a part of a world."""
    images, labels = _kept(part) or _painted_by_one(world, part)
    return Split(
        labels=labels,
        keys=tuple(f"{world}/{part.part}/{index}" for index in range(part.count)),
        fingerprint=part.sha256,
        image=lambda row: images[row],
    )


def part_hash(images: Image, labels: NDArray[np.int64]) -> str:
    return hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()


def paint(world: str, part: str, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images [count, size, size, 3] and labels [count] of a part."""
    pictures = [WORLDS[world].picture(part, index) for index in range(count)]
    images = np.stack([picture.image for picture in pictures])
    labels = np.array([picture.label for picture in pictures], dtype=np.int64)
    return images, labels


def _painted_by_one(world: str, part: ToyPart) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The pictures, painted here, or by another process that was quicker."""
    folder = cache_dir() / "toy"
    remove_strays(folder)
    with in_turn(folder / part.sha256, f"painting {world}/{part.part}"):
        return _kept(part) or _painted(world, part)


def _painted(world: str, part: ToyPart) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images, labels = paint(world, part.part, part.count)
    painted = part_hash(images, labels)
    if painted != part.sha256:
        raise AssertionError(
            f"{world}/{part.part}: painted {painted[:8]}, declared {part.sha256[:8]}: raise "
            f"the VERSION of the toy worlds"
        )
    data = io.BytesIO()
    np.savez(data, images=images, labels=labels)
    write_atomically(cache_dir() / "toy" / f"{part.sha256}.npz", data.getvalue())
    return images, labels


def _kept(part: ToyPart) -> tuple[NDArray[np.uint8], NDArray[np.int64]] | None:
    """The kept pictures, or None where there are none or a byte of them changed (they are then
    painted again).
    """
    path = cache_dir() / "toy" / f"{part.sha256}.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            images = file["images"]
            labels = file["labels"]
        if part_hash(images, labels) == part.sha256:
            return images, labels
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        pass
    announce(path, "its pictures are painted again")
    # Another process may have removed it already.
    path.unlink(missing_ok=True)
    return None
