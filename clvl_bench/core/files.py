"""Files: hashes, canonical JSON, and writing so that no reader ever sees half of a file."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """The hash of a file of any size, read block by block."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_text(path: Path, *, errors: str = "strict") -> str:
    """The text of a user's file, without the byte-order mark that programs on Windows put before
    it.

    Raises:
        OSError, UnicodeDecodeError: it cannot be read, or is no text.
    """
    return path.read_text(encoding="utf-8-sig", errors=errors)


def read_json(path: Path) -> Any:
    """The content of a user's JSON file.

    Raises:
        OSError, ValueError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def to_json(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no NaN, one trailing newline."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file so that any reader, also after a crash, finds the old bytes or the new ones,
    never a mixture.

    What is not `durable` may be lost or damaged when the machine loses power: for what is hashed
    and can be made again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        _sync_folder(path.parent)


def write_folder_atomically(path: Path, files: dict[str, bytes]) -> None:
    """Write a folder of files with a manifest of their hashes; it appears whole or not at all.

    An existing folder of that name is left as it is: what is written under one name is always the
    same.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for name, data in files.items():
            write_atomically(temporary / name, data)
        manifest = {name: sha256(data) for name, data in files.items()}
        write_atomically(temporary / MANIFEST, to_json(manifest))
        if not path.exists():
            os.replace(temporary, path)
            _sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_folder(path: Path) -> None:
    """Remove a folder, if it is there, so that a reader finds it whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        os.replace(path, temporary)
    except FileNotFoundError:
        return
    shutil.rmtree(temporary, ignore_errors=True)


def read_folder(path: Path) -> dict[str, bytes] | None:
    """The files of such a folder; None if the manifest, a file or a single byte is not as
    written.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        files = {name: (path / name).read_bytes() for name in manifest}
    except (OSError, ValueError, TypeError):
        return None
    whole = all(sha256(data) == manifest[name] for name, data in files.items())
    return files if whole else None


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: the name of a file lies in its folder, not in the file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
