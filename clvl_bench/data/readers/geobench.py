"""GEO-Bench V1 as its mirror on the hub holds it: shards `shard_*.tar` with two files a sample,
`<id>.bands.npz`, an array a band, and `<id>.meta.json`, which says the label; and
`default_partition.json`, the ids of each split.

Three bands become RGB, from 0 to a stated white. A band may have a date behind its name
(`04 - Red_2016-01-01`): the first in the order of the file is taken, as GEO-Bench's readers do.
Nothing is unpickled: the first mirror kept pickled metadata, and is refused.
"""

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage, Missing, Mistake, unknown
from clvl_bench.core.files import read_json
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import GeobenchSource
from clvl_bench.data.readers.bands import to_eight_bits
from clvl_bench.data.readers.npz import UNREADABLE, array_of
from clvl_bench.data.readers.split import Image, Split, canonical_order, fingerprint, pixel_hash

PARTITION = "default_partition.json"
BANDS = ".bands.npz"
META = ".meta.json"


@dataclass(frozen=True)
class Member:
    """Where a file lies in a shard."""

    shard: Path
    offset: int
    size: int

    def read(self) -> bytes:
        with open(self.shard, "rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


def read(dataset: ImageDataset, split: str) -> Split:
    """One split of the default partition.

    Raises:
        Missing: there is no partition, no shard, or a sample is in none.
        Mistake: the partition has no such split.
        Damage: a sample cannot be read, or has no such bands or label.
    """
    source = dataset.source
    assert isinstance(source, GeobenchSource)
    ids = _ids(dataset.name, source.path, split)
    members = _members(dataset.name, source.path)
    missing = [each for each in ids if not {each + BANDS, each + META} <= set(members)]
    if missing:
        raise Missing(
            f"{dataset.name}: the shards in {source.path} have no {missing[0]}{BANDS} with its "
            f"{META} (and {len(missing) - 1} more); get calebrob6/geobenchv1-webdataset, whose "
            f"metadata are JSON"
        )
    found = [_label(dataset, each, members[each + META]) for each in ids]
    labels = np.array(found, dtype=np.int64)

    def picture(name: str) -> Image:
        return _picture(dataset.name, source, name, members[name + BANDS])

    hashes = [pixel_hash(picture(each)) for each in ids]
    order = canonical_order(labels, hashes)
    ordered = [hashes[row] for row in order]
    return Split(
        labels=labels[order],
        keys=tuple(ids[row] for row in order),
        fingerprint=fingerprint(dataset.classes, labels[order], ordered),
        image=lambda row: picture(ids[order[row]]),
        hashes=tuple(ordered),
    )


def _ids(name: str, folder: Path, split: str) -> list[str]:
    try:
        partition = read_json(folder / PARTITION)
    except OSError:
        raise Missing(f"{name}: {folder} has no {PARTITION}; name the folder that has it") from None
    except ValueError as error:
        raise Damage(f"{name}: {PARTITION} cannot be read ({error}); get it again") from None
    if not isinstance(partition, dict) or split not in partition:
        raise Mistake(f"{name}: {PARTITION}: {unknown('split', split, partition)}")
    return [str(each) for each in partition[split]]


def _members(name: str, folder: Path) -> dict[str, Member]:
    """The files in all shards by their names."""
    members = {}
    for shard in sorted(folder.glob("shard_*.tar")):
        try:
            with tarfile.open(shard, "r:") as file:
                for each in file:
                    members[each.name] = Member(shard, each.offset_data, each.size)
        except (OSError, tarfile.TarError) as error:
            raise Damage(f"{name}: {shard.name} cannot be read ({error}); get it again") from None
    return members


def _label(dataset: ImageDataset, sample: str, member: Member) -> int:
    try:
        label = json.loads(member.read())["label"]
    except (ValueError, KeyError, TypeError) as error:
        raise Damage(f"{dataset.name}: {sample}{META} says no label ({error!r})") from None
    if type(label) is not int or not 0 <= label < len(dataset.classes):
        raise Damage(
            f"{dataset.name}: {sample}{META} says the label {label!r}; expected a number from 0 to "
            f"{len(dataset.classes) - 1}"
        )
    return label


def _picture(name: str, source: GeobenchSource, sample: str, member: Member) -> Image:
    try:
        with np.load(io.BytesIO(member.read()), allow_pickle=False) as file:
            bands = [_band(file, each, member.shard) for each in source.bands]
        return to_eight_bits(np.stack(bands, axis=-1), source.white)
    except UNREADABLE as error:
        raise Damage(
            f"{name}: {sample}{BANDS} in {member.shard.name} cannot be read ({error}); get the "
            f"shard again"
        ) from None


def _band(file: Mapping[str, Any], band: str, shard: Path) -> NDArray[Any]:
    called = [each for each in file if each == band or each.startswith(band)]
    if not called:
        raise ValueError(f"it has no band '{band}'")
    return array_of(file, band if band in called else called[0], shard)
