"""Scan: one pass that decodes every image of a source, so that damage is found before training and
not in the middle of it.

What a scan found is kept and used again while sizes and times of the files agree. It is kept block
by block, so that a scan that was killed goes on where it stopped.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow

from clvl_bench.core.cache_dir import cache_dir
from clvl_bench.core.errors import Damage
from clvl_bench.core.files import sha256, to_json, write_atomically
from clvl_bench.core.ticker import Ticker
from clvl_bench.data.catalog.sources import Rendering
from clvl_bench.data.readers.decode import DECODING, decode, mend_of
from clvl_bench.data.readers.split import pixel_hash

BLOCK = 2000
"""Images that are scanned between two writes."""
SHOWN = 5
"""How many damaged images an error names before it counts the rest."""


@dataclass(frozen=True)
class Scan:
    """The pixel hash of every image, and the reasons why some have none."""

    hashes: tuple[str | None, ...]
    damaged: dict[str, str]

    def refuse_damage(self, dataset: str, *, policy: str) -> None:
        """With policy "error" stop at damage, naming some and counting all."""
        if not self.damaged or policy == "skip":
            return
        some = ", ".join(f"{key} ({why})" for key, why in list(self.damaged.items())[:SHOWN])
        rest = len(self.damaged) - SHOWN
        more = f", and {rest} more" if rest > 0 else ""
        mends = "; ".join(dict.fromkeys(mend_of(why) for why in self.damaged.values()))
        raise Damage(
            f"{dataset}: {len(self.damaged)} of {len(self.hashes)} images cannot be decoded: "
            f"{some}{more}; {mends}"
        )


def scan(
    dataset: str,
    keys: Sequence[str],
    read: Callable[[int], bytes],
    *,
    files: Sequence[Path],
    rendering: Rendering | None = None,
) -> Scan:
    """Decode and hash every image of a dataset; `files` are what the images lie in, watched for
    changes.
    """
    signature = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    # Kept scans are found by this tuple.
    key = repr((signature, list(keys), rendering, DECODING))
    folder = cache_dir() / "scans" / hashlib.sha256(key.encode()).hexdigest()[:32]
    tick = Ticker(f"{dataset}: scanning images", len(keys))
    hashes: list[str | None] = []
    damaged: dict[str, str] = {}
    for start in range(0, len(keys), BLOCK):
        rows = range(start, min(start + BLOCK, len(keys)))
        kept = folder / f"{start:08d}.json"
        found = _read_kept(kept)
        if found is None:
            found = _scanned(rows, keys, read, rendering)
            body = {"hashes": found.hashes, "damaged": found.damaged}
            content = to_json({**body, "sha256": sha256(to_json(body))})
            write_atomically(kept, content, durable=False)
        hashes += found.hashes
        damaged |= found.damaged
        tick(rows.stop)
    return Scan(tuple(hashes), damaged)


def _scanned(
    rows: Iterable[int],
    keys: Sequence[str],
    read: Callable[[int], bytes],
    rendering: Rendering | None,
) -> Scan:
    hashes: list[str | None] = []
    damaged = {}
    for row in rows:
        try:
            hashes.append(pixel_hash(decode(read(row), rendering)))
        except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
            hashes.append(None)
            why = str(error) or type(error).__name__
            damaged[keys[row]] = why.splitlines()[0][:60]
    return Scan(tuple(hashes), damaged)


def _read_kept(path: Path) -> Scan | None:
    """A kept scan; None where there is none or its own hash does not fit (it is then made
    again).
    """
    try:
        content = json.loads(path.read_bytes())
        recorded = content.pop("sha256")
        if sha256(to_json(content)) != recorded:
            return None
        return Scan(tuple(content["hashes"]), content["damaged"])
    except (FileNotFoundError, ValueError, KeyError, AttributeError):
        return None
