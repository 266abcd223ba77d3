"""Hub bundle: the data and weights of the hub that are on this machine, at their pinned commits,
with a manifest of their hashes; and how they travel to a machine without network, as one archive.

An archive is an uncompressed tar whose first member is its manifest. Nothing in it is trusted but
what the manifest's hashes confirm: names that leave the cache, links, devices, files that the
manifest does not list and repositories that this version does not declare are refused.
"""

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from clvl_bench.backbones.answerers.catalog import ANSWERERS
from clvl_bench.backbones.catalog import BACKBONES, folder_of
from clvl_bench.core.errors import Damage, Missing, Mistake, RunFailed, unknown
from clvl_bench.core.files import file_sha256, temporary_name, to_json, write_atomically
from clvl_bench.data.catalog.listing import DATASETS
from clvl_bench.data.catalog.sources import HubSource, OwnCopySource
from clvl_bench.data.readers.hub import snapshot
from clvl_bench.data.readers.own_copy import as_written
from clvl_bench.hub.archive import Member, members

MANIFEST = "manifest.json"
_INSIDE = re.compile(r"(datasets|models)--[\w.-]+--[\w.-]+/snapshots/[0-9a-f]{40}/[^/].*")
"""What a file of an archive is called: a repository's folder in the hub cache, a commit, a path."""
_BLOCK = 1 << 20
MANIFEST_LIMIT = 16 * 2**20
"""Bytes of a manifest: enough for a hundred thousand files."""
NAME_LIMIT = 200
"""Bytes of one name in a path: file systems end at 255, and a temporary name is longer."""


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
        found: set[Path] = set()  # patterns may overlap
        for pattern in self.patterns:
            found |= set(self.folder.glob(pattern))
        return sorted(path.relative_to(self.folder) for path in found if path.is_file())

    @property
    def manifest(self) -> Path:
        """Where the hashes of its files are kept: beside the snapshots, so that it goes wherever
        the cache goes.
        """
        return self.folder.parent.parent / f"clvl_bench-{self.revision}.json"


def holdings() -> list[Holding]:
    """Everything declared that comes from the hub."""
    return [*_datasets(), *_models()]


def _datasets() -> list[Holding]:
    found = []
    for dataset in DATASETS:
        if not isinstance(dataset.source, HubSource):
            continue
        found.append(
            Holding(
                name=dataset.name,
                kind="dataset",
                repository=dataset.source.repository,
                revision=dataset.source.revision,
                licence=dataset.licence,
                folder=snapshot(dataset.source),
                patterns=tuple(dataset.source.files.values()),
            )
        )
    return found


def _models() -> list[Holding]:
    found = []
    for model in (*BACKBONES, *ANSWERERS):
        if model.repository is None or model.revision is None:
            continue
        found.append(
            Holding(
                name=model.name,
                kind="model",
                repository=model.repository,
                revision=model.revision,
                licence=model.licence,
                folder=folder_of(model),
                patterns=model.files,
                pinned=() if model.sha256 is None else ((model.weights, model.sha256),),
            )
        )
    return found


def find(name: str, *, verb: str) -> Holding:
    """The holding of that name.

    Raises:
        Mistake: it is not declared, or it needs no download.
    """
    known = {each.name: each for each in holdings()}
    if name in known:
        return known[name]
    datasets = {each.name: each for each in DATASETS}
    backbones = {each.name: each for each in BACKBONES}
    source = datasets[name].source if name in datasets else None
    if isinstance(source, OwnCopySource):
        where = f"[dataset.{name}] source = {as_written(source)}"
        raise Mistake(
            f"{verb}: {name} has no pinned download; get a copy and name it in a benchmark file: "
            f"{where}"
        )
    if name in backbones and not backbones[name].embedded:
        raise Mistake(f"{verb}: {name} has no pinned download: {backbones[name].how_to_get}")
    if name in datasets or name in backbones:
        raise Mistake(f"{verb}: {name} comes with the package; there is nothing to fetch")
    raise Mistake(f"{verb}: {unknown('dataset, backbone or answerer', name, known)}")


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
    # What was declared beforehand overrules what was written down after the download.
    recorded |= holding.pinned
    wrong = []
    for name, expected in recorded.items():
        if _sha256(holding.folder / name) != expected:
            wrong.append(name)
    return wrong


def pack(names: Sequence[str], archive: Path) -> int:
    """Write holdings into one archive; returns how many files.

    Raises:
        Mistake: a name is not known, or the archive cannot be written.
        Missing: one of them is not here.
    """
    wanted = [find(name, verb="pack") for name in names]
    inside: dict[str, Path] = {}
    about: dict[str, dict[str, str]] = {}
    for holding in wanted:
        inside |= _members(holding)
        about[holding.name] = {"repository": holding.repository, "licence": holding.licence}
    hashes = {name: _sha256(path) for name, path in inside.items()}
    _write_archive(archive, {"files": hashes, "holdings": about}, inside)
    return len(inside)


def _members(holding: Holding) -> dict[str, Path]:
    """The files of a holding by their names in an archive, which are those of the hub cache."""
    if not holding.files:
        raise Missing(
            f"pack: {holding.name} is not on this machine; with network, run: clvl-bench fetch "
            f"{holding.name}"
        )
    top = f"{holding.folder.parent.parent.name}/snapshots/{holding.revision}"
    return {f"{top}/{path.as_posix()}": holding.folder / path for path in holding.files}


def _write_archive(archive: Path, manifest: dict[str, Any], inside: dict[str, Path]) -> None:
    temporary = archive.with_name(temporary_name())
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


def unpack(archive: Path, cache: Path) -> list[str]:
    """Put the files of an archive into the hub cache; returns what it holds. Files that are there
    already are left alone.

    Everything that its headers and its manifest say is checked before the first byte is written.

    Raises:
        Damage: the archive is not what `pack` wrote, or would put other files in the place of
            those that are here; names the member. What was written before a wrong hash is whole.
        RunFailed: the disk has no room.
    """
    found = list(members(archive))
    with open(archive, "rb") as file:
        manifest = _read_manifest(file, found[0] if found else None, archive)
        wanted = _listed(found[1:], manifest, archive)
        new = [each for each in wanted if _is_new(each, manifest["files"], archive, cache)]
        _refuse_full_disk(sum(each.size for each in new), archive, cache)
        for each in new:
            _put(file, each, manifest["files"][each.name], archive, cache)
    for holding in holdings():
        if holding.name in manifest["holdings"]:
            record(holding)
    return list(manifest["holdings"])


def _read_manifest(file: IO[bytes], member: Member | None, archive: Path) -> dict[str, Any]:
    """What an archive says that it holds.

    Raises:
        Damage: it says it otherwise than `pack`, or names what this version does not declare.
    """
    try:
        if member is None or member.name != MANIFEST or not member.is_plain:
            raise ValueError("it does not begin with a manifest")
        if member.size > MANIFEST_LIMIT:
            raise ValueError(f"its manifest has {member.size:,} bytes")
        file.seek(member.start)
        manifest: dict[str, Any] = json.loads(file.read(member.size))
        files = dict(manifest["files"])
        known = holdings()
        for name, sha256 in files.items():
            _refuse_name(name, known)
            if not isinstance(sha256, str) or not re.fullmatch("[0-9a-f]{64}", sha256):
                raise ValueError(f"'{name}' has no sha256")
        about = {name for name in manifest["holdings"] if isinstance(name, str)}
        return {"files": files, "holdings": [each.name for each in known if each.name in about]}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Damage(
            f"{archive}: is no archive of clvl-bench pack: {why.splitlines()[0][:200]}"
        ) from None


def _refuse_name(name: str, known: Sequence[Holding]) -> None:
    """Raises:
    ValueError: a file would leave the cache, or is of no repository that this version declares.
    """
    parts = PurePosixPath(name).parts
    if not _INSIDE.fullmatch(name) or ".." in parts:
        raise ValueError(f"'{name[:100]}' would leave the cache")
    if any(len(os.fsencode(part)) > NAME_LIMIT for part in parts):
        raise ValueError(f"the name '{name[:100]}...' is too long")
    for holding in known:
        top = f"{holding.folder.parent.parent.name}/snapshots/{holding.revision}/"
        inside = name.removeprefix(top)
        if inside != name and any(_fits(inside, pattern) for pattern in holding.patterns):
            return
    raise ValueError(
        f"'{name[:200]}' is no file of a dataset or model that this version declares; pack it with "
        f"the same version"
    )


def _fits(name: str, pattern: str) -> bool:
    """Whether a path is of a pattern; a star stands for a part of one name."""
    names = name.split("/")
    patterns = pattern.split("/")
    return len(names) == len(patterns) and all(map(fnmatchcase, names, patterns))


def _listed(found: Sequence[Member], manifest: dict[str, Any], archive: Path) -> list[Member]:
    """The members, if they are those that the manifest lists, each once.

    Raises:
        Damage: one is not listed, or one is missing.
    """
    left = set(manifest["files"])
    for member in found:
        if member.name not in left or not member.is_plain:
            raise Damage(
                f"{archive}: '{member.name[:200]}' is not in its manifest, or is no plain file; "
                f"nothing was written"
            )
        left.remove(member.name)
    if left:
        raise Damage(
            f"{archive}: {len(left)} of its files are missing, for example {min(left)}; pack it "
            f"again"
        )
    return list(found)


def _is_new(member: Member, hashes: dict[str, str], archive: Path, cache: Path) -> bool:
    """Whether a file is not here yet.

    Raises:
        Damage: another file of that name is here.
    """
    path = cache / member.name
    if not path.exists():
        return True
    if _sha256(path) != hashes[member.name]:
        raise Damage(
            f"{archive}: {path} is here with another content; nothing was written: fetch it again, "
            f"or move it away"
        )
    return False


def _refuse_full_disk(needed: int, archive: Path, cache: Path) -> None:
    here = next(each for each in (cache, *cache.parents) if each.exists())
    free = shutil.disk_usage(here).free
    if free < needed:
        raise RunFailed(
            f"{archive}: takes {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free in {cache}; "
            f"let HF_HOME name a folder on a larger disk"
        )


def _put(file: IO[bytes], member: Member, expected: str, archive: Path, cache: Path) -> None:
    """One file to its place, if its content is the one that the manifest lists."""
    path = cache / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(temporary_name())
    try:
        digest = hashlib.sha256()
        with open(temporary, "wb") as out:
            for block in _blocks(file, member):
                digest.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        if digest.hexdigest() != expected:
            got = digest.hexdigest()[:8]
            raise Damage(
                f"{archive}: {member.name}: sha256 is {got}, recorded {expected[:8]}; pack it again"
            )
        # Only now does the file get its name: what is read under it has the recorded hash.
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _member(name: str, size: int) -> tarfile.TarInfo:
    """A member without owner or date: the same files make the same archive."""
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o644
    return member


def _sha256(path: Path) -> str | None:
    """The hash of a file, or None where there is none."""
    try:
        return file_sha256(path)
    except OSError:
        return None


def _blocks(file: IO[bytes], member: Member) -> Iterator[bytes]:
    """The bytes of a member, a megabyte at a time."""
    for at in range(0, member.size, _BLOCK):
        file.seek(member.start + at)
        yield file.read(min(_BLOCK, member.size - at))
