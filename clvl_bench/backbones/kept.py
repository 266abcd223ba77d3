"""Kept: what frozen towers computed, on disk, so that they compute it once, ever.

The name of a file holds its own hash, so a damaged one is noticed, named and made again. One
process at a time computes what is missing, others wait for it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from clvl_bench.core import stopping, world
from clvl_bench.core.cache_dir import cache_dir, cache_name
from clvl_bench.core.errors import announce
from clvl_bench.core.files import remove_strays, sha256, write_atomically
from clvl_bench.core.lock import in_turn


def load_or_encode_texts(
    what: str, key: str, rows: int, encode: Callable[[], Tensor], *, reader: str
) -> Tensor:
    """What a frozen text tower makes of some texts [rows, width]: from the cache, or encoded and
    then kept.

    Args:
        what: the texts are, such as "questions": they have a folder of their own.
        key: all that decides their features: the hash of the tower's files, and the texts.
        reader: the backbone's name.
    """
    folder = cache_dir() / what
    name = cache_name(key)
    with encoded_by_one(folder, [name], f"encoding {what} with {reader}"):
        return load_or_compute(folder, name, rows, encode, what=f"its {what} are")


@contextmanager
def encoded_by_one(folder: Path, names: Sequence[str], what: str) -> Iterator[None]:
    """For the time of the block nobody else computes what a folder of the cache lacks; if another
    process does, wait for it, with a word. Of several processes of a run the first goes ahead.

    Args:
        names: of all that should be there.
        what: is done, such as "encoding images with tiny".
    """
    with world.first_ahead(), _claimed(folder, names, what):
        yield


@contextmanager
def encoded_together(folder: Path, names: Sequence[str], what: str) -> Iterator[None]:
    """The same, but that all processes of a run go through the block at once: the first claims for
    all of them, and has to stay in the block until the others have computed their part.
    """
    with ExitStack() as claim:

        def take() -> None:
            claim.enter_context(_claimed(folder, names, what))

        world.decided(take)
        yield


@contextmanager
def _claimed(folder: Path, names: Sequence[str], what: str) -> Iterator[None]:
    remove_strays(folder)
    there = {path.name.partition("-")[0] for path in folder.glob("*.safetensors")}
    if there.issuperset(names):
        yield
        return
    # Below the folder: what several names are claimed for may lie in one folder.
    with in_turn(folder / f"claims-{names[0]}", what):
        yield


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
    stopping.note_progress()
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
