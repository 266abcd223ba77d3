"""Stock: the data and weights of the hub that are on this machine, at their pinned commits, with a
manifest of their hashes; and how they travel to a machine without network, as one archive.

An archive is an uncompressed tar whose first member is its manifest. Nothing is believed of it but
what the manifest's hashes confirm: names that leave the cache, links, devices and files that the
manifest does not list are refused.
"""

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from clvl_bench.backbones.answerers.catalog import ANSWERERS
from clvl_bench.backbones.catalog import BACKBONES, folder_of
from clvl_bench.core.errors import Damage, Missing, Mistake, unknown
from clvl_bench.core.files import file_sha256, to_json, write_atomically
from clvl_bench.data.catalog.listing import DATASETS
from clvl_bench.data.catalog.sources import HubSource, OwnCopySource
from clvl_bench.data.readers.hub import snapshot
from clvl_bench.data.readers.own_copy import as_written

MANIFEST = "manifest.json"
_INSIDE = re.compile(r"(datasets|models)--[\w.-]+--[\w.-]+/snapshots/[0-9a-f]{40}/[^/].*")
"""What a file of an archive is called: a repository's folder in the hub cache, a commit, a path."""
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Holding:
    """A repository at its pinned commit, here or not."""

    name: str
    kind: Literal["dataset", "model"]
    repository: str
    revision: str
    licence: str
    folder: Path
    patterns: tuple[str, ...]
    pinned: tuple[tuple[str, str], ...] = ()
    """Files whose sha256 was declared beforehand."""

    @property
    def files(self) -> list[Path]:
        """Its files on this machine, by their path below `folder`, sorted."""
        found = {
            path
            for pattern in self.patterns
            for path in self.folder.glob(pattern)
            if path.is_file()
        }
        return sorted(path.relative_to(self.folder) for path in found)

    @property
    def manifest(self) -> Path:
        """Where the hashes of its files are kept: beside the snapshots, so that it goes wherever
        the cache goes.
        """
        return self.folder.parent.parent / f"clvl_bench-{self.revision}.json"


def holdings() -> list[Holding]:
    """Everything declared that comes from the hub."""
    data = [
        Holding(
            each.name,
            "dataset",
            each.source.repository,
            each.source.revision,
            each.licence,
            snapshot(each.source),
            tuple(each.source.files.values()),
        )
        for each in DATASETS
        if isinstance(each.source, HubSource)
    ]
    weights = [
        Holding(
            each.name,
            "model",
            each.repository,
            each.revision,
            each.licence,
            folder_of(each),
            each.files,
            () if each.sha256 is None else ((each.weights, each.sha256),),
        )
        for each in (*BACKBONES, *ANSWERERS)
        if each.repository is not None and each.revision is not None
    ]
    return [*data, *weights]


def find(name: str, *, verb: str) -> Holding:
    """The holding of that name.

    Raises:
        Mistake: nobody has declared it, or it needs no download.
    """
    known = holdings()
    for each in known:
        if each.name == name:
            return each
    own = next((each.source for each in DATASETS if each.name == name), None)
    if isinstance(own, OwnCopySource):
        where = f"[dataset.{name}] source = {as_written(own)}"
        raise Mistake(
            f"{verb}: {name} has no pinned download; get a copy and name it in a benchmark file: "
            f"{where}"
        )
    bring = next((each for each in BACKBONES if each.name == name and not each.embedded), None)
    if bring is not None:
        raise Mistake(f"{verb}: {name} has no pinned download: {bring.how_to_get}")
    if name in (*(each.name for each in DATASETS), *(each.name for each in BACKBONES)):
        raise Mistake(f"{verb}: {name} comes with the package; there is nothing to fetch")
    raise Mistake(
        f"{verb}: {unknown('dataset, backbone or answerer', name, [each.name for each in known])}"
    )


def record(holding: Holding) -> None:
    """Write down the hashes of a holding's files, as they are now."""
    files = {path.as_posix(): _sha256(holding.folder / path) for path in holding.files}
    write_atomically(holding.manifest, to_json(files))


def damaged(holding: Holding) -> list[str]:
    """The files whose content is not what was declared or fetched, and those that are gone."""
    recorded: dict[str, str] = {}
    with suppress(FileNotFoundError):
        try:
            recorded = json.loads(holding.manifest.read_bytes())
        except ValueError:
            return [holding.manifest.name]
    recorded |= holding.pinned
    return [
        name for name, expected in recorded.items() if _sha256(holding.folder / name) != expected
    ]


def pack(names: Sequence[str], archive: Path) -> int:
    """Write holdings into one archive; returns how many files.

    Raises:
        Mistake: a name is not known, or the archive cannot be written.
        Missing: one of them is not here.
    """
    wanted = [find(name, verb="pack") for name in names]
    inside: dict[str, Path] = {}
    for each in wanted:
        if not each.files:
            raise Missing(
                f"pack: {each.name} is not on this machine; with network, run: clvl-bench fetch "
                f"{each.name}"
            )
        top = each.folder.parent.parent.name
        inside |= {
            f"{top}/snapshots/{each.revision}/{path.as_posix()}": each.folder / path
            for path in each.files
        }
    manifest = {
        "files": {name: _sha256(path) for name, path in inside.items()},
        "holdings": {
            each.name: {"repository": each.repository, "licence": each.licence} for each in wanted
        },
    }
    temporary = archive.with_name(f".{archive.name}.{os.getpid()}.tmp")
    try:
        with tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as tar:
            data = to_json(manifest)
            tar.addfile(_member(MANIFEST, len(data)), io.BytesIO(data))
            for name, path in inside.items():
                with open(path, "rb") as file:
                    tar.addfile(_member(name, path.stat().st_size), file)
        os.replace(temporary, archive)
    except OSError as error:
        raise Mistake(
            f"pack: {archive}: cannot be written ({error.strerror}); choose another place with --to"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return len(inside)


def unpack(archive: Path, cache: Path) -> list[str]:
    """Put the files of an archive into the hub cache; returns what it holds. Files that are there
    already are left alone.

    Raises:
        Damage: the archive is not what `pack` wrote; names the member. What was written before it
            is whole.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            members = iter(tar)
            manifest = _read_manifest(tar, next(members, None), archive)
            left = dict(manifest["files"])
            for member in members:
                _put(tar, member, left, archive, cache)
            if left:
                raise Damage(
                    f"{archive}: {len(left)} of its files are missing, for example {min(left)}; "
                    f"pack it again"
                )
    except (tarfile.TarError, EOFError) as error:
        raise Damage(
            f"{archive}: cannot be read as an archive ({str(error).splitlines()[0]}); pack it again"
        ) from None
    for holding in _held(manifest["holdings"]):
        record(holding)
    return list(manifest["holdings"])


def _read_manifest(
    tar: tarfile.TarFile, member: tarfile.TarInfo | None, archive: Path
) -> dict[str, Any]:
    try:
        if member is None or member.name != MANIFEST or not member.isreg():
            raise ValueError("it does not begin with a manifest")
        file = tar.extractfile(member)
        assert file is not None
        manifest: dict[str, Any] = json.loads(file.read())
        for name in manifest["files"]:
            if not _INSIDE.fullmatch(name) or ".." in PurePosixPath(name).parts:
                raise ValueError(f"'{name}' would leave the cache")
        return {"files": manifest["files"], "holdings": dict(manifest["holdings"])}
    except (ValueError, KeyError, TypeError) as error:
        raise Damage(
            f"{archive}: is no archive of clvl-bench pack: {str(error).splitlines()[0]}"
        ) from None


def _put(
    tar: tarfile.TarFile, member: tarfile.TarInfo, left: dict[str, str], archive: Path, cache: Path
) -> None:
    """One file to its place, if it is the one that the manifest lists."""
    expected = left.pop(member.name, None)
    if expected is None or not member.isreg():
        raise Damage(
            f"{archive}: '{member.name}' is not in its manifest, or is no plain file; it was not "
            f"written"
        )
    place = cache / member.name
    if place.is_file() and _sha256(place) == expected:
        return
    source = tar.extractfile(member)
    assert source is not None
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        digest = hashlib.sha256()
        with open(temporary, "wb") as file:
            for block in _blocks(source):
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != expected:
            got = digest.hexdigest()[:8]
            raise Damage(
                f"{archive}: {member.name}: sha256 is {got}, recorded {expected[:8]}; pack it again"
            )
        os.replace(temporary, place)
    finally:
        temporary.unlink(missing_ok=True)


def _held(names: Iterable[str]) -> list[Holding]:
    return [each for each in holdings() if each.name in set(names)]


def _member(name: str, size: int) -> tarfile.TarInfo:
    """A member without owner or date: the same files make the same archive."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


def _sha256(path: Path) -> str | None:
    """The hash of a file, or None where there is none."""
    try:
        return file_sha256(path)
    except OSError:
        return None


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block
