"""Unpacking: an archive of `pack` into the hub cache. A stranger may have made it, so everything
that its headers and its manifest say is checked before the first byte is written.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any

from clvl_bench.core.errors import Damage
from clvl_bench.core.faults import refuse_full_disk
from clvl_bench.core.files import parse_json, temporary_name
from clvl_bench.hub.archive import Member, members
from clvl_bench.hub.bundle import MANIFEST, Holding, fits, holdings, record, sha256_of

_INSIDE = re.compile(r"(datasets|models)--[\w.-]+--[\w.-]+/snapshots/[0-9a-f]{40}/[^/].*")
"""What a file of an archive is called: a repository's folder in the hub cache, a commit, a path."""
_BLOCK = 1 << 20
MANIFEST_LIMIT = 16 * 2**20
"""Bytes of a manifest: enough for a hundred thousand files."""
NAME_LIMIT = 200
"""Bytes of one name in a path: file systems end at 255, and a temporary name is longer."""


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
        needed = sum(each.size for each in new)
        refuse_full_disk(f"{archive}:", needed, cache, variable="HF_HOME")
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
        manifest: dict[str, Any] = parse_json(file.read(member.size))
        files = dict(manifest["files"])
        known = holdings()
        for name, sha256 in files.items():
            _refuse_name(name, known)
            if not isinstance(sha256, str) or not re.fullmatch("[0-9a-f]{64}", sha256):
                raise ValueError(f"'{name}' has no sha256")
        about = {name for name in manifest["holdings"] if isinstance(name, str)}
        return {"files": files, "holdings": [each.name for each in known if each.name in about]}
    except (ValueError, KeyError, TypeError) as error:
        why = str(error).splitlines()[0][:200]
        raise Damage(f"{archive}: is no archive of clvl-bench pack: {why}") from None


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
        if inside != name and any(fits(inside, pattern) for pattern in holding.patterns):
            return
    raise ValueError(
        f"'{name[:200]}' is no file of a dataset or model that this version declares; pack it with "
        f"the same version"
    )


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
    if sha256_of(path) != hashes[member.name]:
        raise Damage(
            f"{archive}: {path} is here with another content; nothing was written: fetch it again, "
            f"or move it away"
        )
    return False


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


def _blocks(file: IO[bytes], member: Member) -> Iterator[bytes]:
    """The bytes of a member, a megabyte at a time."""
    for at in range(0, member.size, _BLOCK):
        file.seek(member.start + at)
        yield file.read(min(_BLOCK, member.size - at))
