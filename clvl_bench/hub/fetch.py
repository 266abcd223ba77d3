"""Fetch: data and weights at their pinned commit, into the hub cache. The only module that uses the
network.

The client checks the size of what comes and not its content; so every file is compared with the
hash that was declared, or else with the one that the hub lists. A download that was interrupted
goes on at the first file that is not here: the client keeps whole files.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from clvl_bench.core.errors import Damage, Missing, announce
from clvl_bench.core.faults import as_failure
from clvl_bench.core.files import file_sha256
from clvl_bench.core.ticker import Ticker
from clvl_bench.hub import bundle
from clvl_bench.hub.bundle import Holding
from clvl_bench.hub.refusals import why


@dataclass(frozen=True)
class Listed:
    """A file as the hub lists it; one of the two hashes, or none on a mirror that has no hashes."""

    name: str
    size: int
    sha256: str | None
    git_sha1: str | None

    def is_content_of(self, path: Path) -> bool:
        if self.sha256 is not None:
            return file_sha256(path) == self.sha256
        return self.git_sha1 is None or _git_sha1(path) == self.git_sha1


def _git_sha1(path: Path) -> str:
    """What git calls a small file, which the hub keeps in git itself."""
    content = path.read_bytes()
    head = f"blob {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def fetch(name: str) -> Path:
    """Download what is not here yet, write down its hashes; returns the folder. What is here whole
    is asked for nowhere.

    Raises:
        Mistake: it is not declared, or it needs no download.
        Missing: the hub cannot be reached or does not have it.
        Damage: what came, or would come, is not what was declared or fetched before.
        RunFailed: the disk is full or cannot be written.
    """
    wanted = bundle.find(name, verb="fetch")
    if bundle.is_whole(wanted):
        return wanted.folder
    with _in_one_line(wanted):
        listed = _listed(wanted)
    _refuse_another_publication(wanted, listed)
    _remove_damaged(wanted, listed)
    with _in_one_line(wanted):
        _download(wanted, listed)
    _refuse_damaged(wanted, listed)
    bundle.record(wanted)
    return wanted.folder


def _where(wanted: Holding) -> str:
    return f"fetch: {wanted.repository} at {wanted.revision[:8]}"


@contextmanager
def _in_one_line(wanted: Holding) -> Iterator[None]:
    from huggingface_hub.errors import HTTPError

    try:
        yield
    except (HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        if as_failure(error) is not None:
            raise
        raise Missing(f"{_where(wanted)} could not be downloaded: {why(error)}") from None


def _listed(wanted: Holding) -> list[Listed]:
    """The files that are wanted, as the hub lists them at the pinned commit."""
    from huggingface_hub import HfApi, constants

    about = HfApi().repo_info(
        wanted.repository,
        revision=wanted.revision,
        repo_type=wanted.kind,
        files_metadata=True,
        timeout=constants.HF_HUB_ETAG_TIMEOUT,
    )
    if about.sha != wanted.revision:
        raise ValueError("it answers with another commit than the one that was asked for")
    found = []
    for each in about.siblings or ():
        if any(bundle.fits(each.rfilename, pattern) for pattern in wanted.patterns):
            sha256 = None if each.lfs is None else each.lfs.sha256
            git_sha1 = each.blob_id if each.lfs is None else None
            found.append(Listed(each.rfilename, each.size or 0, sha256, git_sha1))
    if not found:
        raise ValueError("it lists none of the files")
    return found


def _refuse_another_publication(wanted: Holding, listed: Sequence[Listed]) -> None:
    """Before a byte is downloaded: a commit never changes, so neither do its hashes."""
    known: dict[str, str] = {}
    with suppress(ValueError):  # damaged, and written anew afterwards
        known = bundle.recorded(wanted)
    known |= wanted.pinned
    for each in listed:
        before = known.get(each.name)
        if before is not None and each.sha256 is not None and each.sha256 != before:
            raise Damage(
                f"{_where(wanted)}: {each.name}: the hub lists sha256 {each.sha256[:8]}, declared "
                f"or fetched before {before[:8]}; nothing was downloaded: ask another hub"
            )


def _remove_damaged(wanted: Holding, listed: Sequence[Listed]) -> None:
    """The client takes a file that is here for the right one."""
    for each in listed:
        path = wanted.folder / each.name
        if path.is_file() and not each.is_content_of(path):
            announce(path, "it is downloaded again")
            _remove(path)


def _remove(path: Path) -> None:
    """A file of the cache, and the one that it links to."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _download(wanted: Holding, listed: Sequence[Listed]) -> None:
    """One file after the other, each with the client's own bar and its time left."""
    from huggingface_hub import hf_hub_download

    missing = [each for each in listed if not (wanted.folder / each.name).is_file()]
    done = 0
    tick = Ticker(f"{wanted.name}: downloading, bytes", sum(each.size for each in missing))
    tick(done)
    for each in missing:
        hf_hub_download(
            wanted.repository, each.name, revision=wanted.revision, repo_type=wanted.kind
        )
        done += each.size
        tick(done)


def _refuse_damaged(wanted: Holding, listed: Sequence[Listed]) -> None:
    pinned = dict(wanted.pinned)
    for each in listed:
        path = wanted.folder / each.name
        got = file_sha256(path)
        expected = pinned.get(each.name, got)
        if got == expected and each.is_content_of(path):
            continue
        _remove(path)
        raise Damage(
            f"{_where(wanted)}: {each.name}: sha256 is {got[:8]}; it was not what is published, "
            f"and is removed; try again, or ask another hub"
        )
