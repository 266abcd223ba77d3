"""Encoded images (files in folders, cells of parquet): scanned, put into canonical order, decoded
on demand.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clvl_bench.data.catalog.sources import Rendering
from clvl_bench.data.readers.decode import decode
from clvl_bench.data.readers.scan import scan
from clvl_bench.data.readers.split import Image, Split, canonical_order, fingerprint

NOT_A_FILE = "is no plain file"

Choice = Callable[[NDArray[np.int64], Sequence[str]], NDArray[np.bool_]]
"""From labels and hashes, which of the images belong to a split."""


def file_bytes(file: Path) -> bytes:
    """The content of an image file.

    Raises:
        OSError: it is a broken link, or cannot be read.
        ValueError: it is a pipe or a device, which may never end.
    """
    if file.exists() and not file.is_file():
        raise ValueError(NOT_A_FILE)
    return file.read_bytes()


def key_of(path: Path) -> str:
    """A path as text. Names of files are bytes: what is no UTF-8 is written with escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def leaves(path: Path, folder: Path) -> bool:
    """Whether a path leads out of a folder. Links are followed; circles of them lead nowhere."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def encoded_split(
    dataset: str,
    classes: Sequence[str],
    keys: Sequence[str],
    labels: NDArray[np.int64],
    read: Callable[[int], bytes],
    *,
    files: Sequence[Path],
    policy: str,
    rendering: Rendering | None = None,
    choose: Choice | None = None,
) -> Split:
    """A split of encoded images; `choose(labels, hashes)` may pick which of them belong to it.

    Raises:
        Damage: images cannot be decoded and the policy is "error".
    """
    found = scan(dataset, keys, read, files=files, rendering=rendering)
    found.refuse_damage(dataset, policy=policy)
    undamaged = [row for row, identity in enumerate(found.hashes) if identity is not None]
    rows = np.array(undamaged, dtype=np.int64)
    if choose is not None:
        hashes = [str(found.hashes[row]) for row in rows]
        rows = rows[choose(labels[rows], hashes)]
    hashes = [str(found.hashes[row]) for row in rows]
    order = canonical_order(labels[rows], hashes)
    rows = rows[order]
    hashes = [hashes[position] for position in order]

    def image(row: int) -> Image:
        return decode(read(int(rows[row])), rendering)

    return Split(
        labels=labels[rows],
        keys=tuple(keys[row] for row in rows),
        fingerprint=fingerprint(classes, labels[rows], hashes),
        image=image,
        skipped=len(found.damaged),
        hashes=tuple(hashes),
    )
