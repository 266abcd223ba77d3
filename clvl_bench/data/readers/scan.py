"""Scan: one pass that decodes every image of a source, so that damage is found before training and
not in the middle of it.

What a scan found is kept and used again while sizes and times of the files agree. It is kept block
by block, so that a scan that was killed goes on where it stopped.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from clvl_bench.core.cache_dir import cache_dir, cache_name
from clvl_bench.core.errors import Damage
from clvl_bench.core.files import parse_json, remove_strays, sha256, to_json, write_atomically
from clvl_bench.core.lock import in_turn
from clvl_bench.core.ticker import Ticker
from clvl_bench.data.catalog.sources import Rendering
from clvl_bench.data.readers.decode import DECODING, decode, mend_of
from clvl_bench.data.readers.split import pixel_hash

BLOCK = 2000
"""Images that are scanned between two writes."""
SHOWN = 5
"""How many damaged images an error names before it counts the rest."""


_anew: ContextVar[bool] = ContextVar("reading anew", default=False)


@contextmanager
def reading_anew(wanted: bool = True) -> Iterator[None]:
    """Inside, nothing that was kept of images is believed: size and time of a file can stay while
    its content changes. What is found is kept in its place.
    """
    token = _anew.set(wanted)
    try:
        yield
    finally:
        _anew.reset(token)


def is_reading_anew() -> bool:
    """Whether kept scans and copies are not to be believed now."""
    return _anew.get()


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
    signature = [_state(file) for file in files]
    # Kept scans are found by this tuple.
    key = repr((signature, list(keys), rendering, DECODING))
    folder = cache_dir() / "scans" / cache_name(key)
    blocks = {}
    for start in range(0, len(keys), BLOCK):
        rows = range(start, min(start + BLOCK, len(keys)))
        blocks[folder / f"{start:08d}.json"] = rows
    found = {} if _anew.get() else _all_kept(blocks)
    if len(found) < len(blocks):
        what = f"{dataset}: scanning images"
        remove_strays(folder)
        # One process at a time: who comes second finds what the first has kept.
        with in_turn(folder / "claims", what):
            tick = Ticker(what, len(keys))
            for path, rows in blocks.items():
                known = None if _anew.get() else _read_kept(path)
                found[path] = known or _scan_block(path, rows, keys, read, rendering)
                tick(rows.stop)
    hashes: list[str | None] = []
    damaged: dict[str, str] = {}
    for path in blocks:
        hashes += found[path].hashes
        damaged |= found[path].damaged
    return Scan(tuple(hashes), damaged)


def _all_kept(paths: Iterable[Path]) -> dict[Path, Scan]:
    """The kept blocks of a scan, up to the first that is missing."""
    found = {}
    for path in paths:
        kept = _read_kept(path)
        if kept is None:
            break
        found[path] = kept
    return found


def _scan_block(
    path: Path,
    rows: range,
    keys: Sequence[str],
    read: Callable[[int], bytes],
    rendering: Rendering | None,
) -> Scan:
    """Decode some images, and keep what was found."""
    found = _scanned(rows, keys, read, rendering)
    body = {"hashes": found.hashes, "damaged": found.damaged}
    content = to_json({**body, "sha256": sha256(to_json(body))})
    write_atomically(path, content, durable=False)
    return found


def _state(file: Path) -> tuple[str, int | None, int | None]:
    """What tells that a file is another one now: its size and time; none of a broken link."""
    try:
        stat = file.stat()
    except OSError:
        return str(file), None, None
    return str(file), stat.st_size, stat.st_mtime_ns


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
            why = _reason(error)
            damaged[keys[row]] = why
    return Scan(tuple(hashes), damaged)


def _reason(error: Exception) -> str:
    """Why an image cannot be decoded, in a few words and without the path, which is its name."""
    if isinstance(error, UnidentifiedImageError):  # Pillow names an address in memory
        return "is no image of a format that is read"
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(told).splitlines()[0][:60]


def _read_kept(path: Path) -> Scan | None:
    """A kept scan; None where there is none or its own hash does not fit (it is then made
    again).
    """
    try:
        data = path.read_bytes()
        content = parse_json(data)
        recorded = content["sha256"]
        # The hash is the last entry; it is of what `to_json` writes without it.
        seal = f',\n "sha256": "{recorded}"\n}}\n'.encode()
        if not data.endswith(seal) or sha256(data.removesuffix(seal) + b"\n}\n") != recorded:
            return None
        return Scan(tuple(content["hashes"]), content["damaged"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
