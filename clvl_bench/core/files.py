"""Files: hashes, canonical JSON, and changes of files that no reader ever sees half of."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

MANIFEST = "manifest.json"

Writer = Callable[[Path], None]
"""Writes a file whose bytes are never together in memory."""

STRAY_SECONDS = 3600.0
"""A temporary file that has not changed for so long belongs to nobody any more."""


def sha256(*data: bytes | memoryview) -> str:
    """The hash of some bytes, one behind the other."""
    digest = hashlib.sha256()
    for each in data:
        digest.update(each)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """The hash of a file of any size, read block by block."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_md5(path: Path) -> str:
    """The same by MD5, where publishers give no other: it tells a wrong file, not a forged one."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False))
    return digest.hexdigest()


def read_text(path: Path, *, errors: str = "strict") -> str:
    """The text of a user's file, without the byte-order mark that programs on Windows put before
    it.

    Raises:
        OSError, UnicodeDecodeError: it cannot be read, or is no text.
    """
    return path.read_text(encoding="utf-8-sig", errors=errors)


def is_file(path: Path) -> bool:
    """Whether there is a file of that name. One that no file can have, as it is too long or holds
    a zero, is the name of none.
    """
    return exists(path) and path.is_file()


def exists(path: Path) -> bool:
    """Whether there is anything of that name; see `is_file`."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def expanded(written: str) -> Path:
    """A path as somebody wrote it, with the home folder that `~` stands for, where there is one."""
    try:
        return Path(written).expanduser()
    except RuntimeError:  # of a user that there is not
        return Path(written)


def read_json(path: Path) -> Any:
    """The content of a user's JSON file.

    Raises:
        OSError, ValueError: it cannot be read, or is no JSON.
    """
    return parse_json(read_text(path))


def parse_json(data: str | bytes) -> Any:
    """What JSON says that anybody may have written.

    Raises:
        ValueError: it is no JSON in UTF-8, is nested too deeply, or holds a text that is none.
    """
    text = data if isinstance(data, str) else data.decode("utf-8-sig")
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if "\\ud" in text.lower():
        # JSON lets half of a pair of surrogates pass as a sign; no file can be written with it.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def to_json(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no NaN, one trailing newline."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def unguarded() -> None:
    """The guard of who reads, or writes alone."""


def before_change(path: Path) -> None:
    """Is called before each change of the file system that is made here. Tests put a full disk in
    its place.
    """


@dataclass(frozen=True)
class Changes:
    """How files are changed: whole or not at all, and only by who may.

    Any reader, also after a crash, finds the old bytes or the new ones, never a mixture.

    Args:
        guard: is called before every change, and raises once this process may make none.
        workshop: the folder in which files are made until they are renamed into place; beside
            their place if None. Whoever removes the workshop takes the right to change anything
            with it: the rename out of it fails, however late it comes.
    """

    guard: Callable[[], None] = unguarded
    workshop: Path | None = None

    def write(self, path: Path, data: bytes | Writer, *, durable: bool = True) -> None:
        """Write a file, of bytes or by who writes it in parts.

        What is not `durable` may be lost or damaged when the machine loses power: for what is
        hashed and can be made again.
        """
        with self._allowed(), self._temporary(path) as temporary:
            self._make_folder(path.parent)
            _write(temporary, data, durable=durable)
            _rename(temporary, path)
            if durable:
                _sync_folder(path.parent)

    def write_folder(self, path: Path, files: Mapping[str, bytes | Writer]) -> None:
        """Write a folder of files with a manifest of their hashes.

        An existing folder of that name is left as it is: what is written under one name is always
        the same.
        """
        with self._allowed(), self._temporary(path) as temporary:
            self._make_folder(path.parent)
            before_change(temporary)
            temporary.mkdir()
            for name, data in files.items():
                _write(temporary / name, data, durable=True)
            manifest = {name: file_sha256(temporary / name) for name in files}
            _write(temporary / MANIFEST, to_json(manifest), durable=True)
            _sync_folder(temporary)
            if not path.exists():
                _rename(temporary, path)
                _sync_folder(path.parent)

    def remove(self, path: Path) -> None:
        """Remove a file or a folder, if it is there; a reader finds it whole or not at all."""
        if not path.exists():
            self.guard()
            return
        with self._allowed(), self._temporary(path) as temporary:
            _rename(path, temporary)

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        before_change(folder)
        # A folder that somebody removed with the workshop in it does not come back.
        folder.mkdir(parents=self.workshop is None, exist_ok=True)

    @contextmanager
    def _temporary(self, path: Path) -> Iterator[Path]:
        """A name that no other process has, on this machine or another; what is left of it at the
        end is removed.
        """
        name = temporary_name()
        temporary = path.with_name(name) if self.workshop is None else self.workshop / name
        try:
            yield temporary
        finally:
            discard(temporary)

    @contextmanager
    def _allowed(self) -> Iterator[None]:
        self.guard()
        try:
            yield
        except OSError:
            # Where somebody took the workshop away, that is what is to be said.
            self.guard()
            raise


PLAIN = Changes()
"""Of files that belong to everybody."""


class NoChanges(Changes):
    """Of a process that changes nothing, because another one does."""

    def write(self, path: Path, data: bytes | Writer, *, durable: bool = True) -> None:
        return

    def write_folder(self, path: Path, files: Mapping[str, bytes | Writer]) -> None:
        return

    def remove(self, path: Path) -> None:
        return


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file that belongs to everybody; see `Changes.write`."""
    PLAIN.write(path, data, durable=durable)


def temporary_name() -> str:
    """A file name that is unique on all machines: process ids repeat from container to
    container.
    """
    return f".{uuid4().hex}.tmp"


def remove_strays(folder: Path, *, older_than: float = STRAY_SECONDS) -> None:
    """Remove temporary files that killed processes left in a folder.

    Age is counted by the clock of this machine; an hour is more than clocks differ.
    """
    with suppress(OSError):  # strays do no harm: where they cannot be removed, they stay
        for stray in folder.glob(".*.tmp"):
            if time.time() - stray.stat().st_mtime >= older_than:
                discard(stray)


def read_folder(path: Path) -> dict[str, bytes] | None:
    """The files of such a folder; None if the manifest, a file or a single byte is not as
    written.
    """
    try:
        manifest = parse_json((path / MANIFEST).read_bytes())
        files = {name: (path / name).read_bytes() for name in manifest}
    except (OSError, ValueError, TypeError):
        return None
    whole = all(sha256(data) == manifest[name] for name, data in files.items())
    return files if whole else None


def _write(path: Path, data: bytes | Writer, *, durable: bool) -> None:
    before_change(path)
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        data(path)
    if durable:
        before_change(path)
        _sync(path)


def _rename(path: Path, to: Path) -> None:
    before_change(to)
    os.replace(path, to)


def discard(path: Path) -> None:
    """Remove a file or a folder under a temporary name, if it is there and can be removed."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: the name of a file lies in its folder, not in the file."""
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
