"""Records: one tidy row per measured value, and the folder of a run, written so that no reader ever sees half of it.

A run folder holds status.json, records.csv, predictions/, and result.json, which is written last, holds the provenance and
the timing, and names the hash of every other result. Only a folder with a valid result.json counts.
"""

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from clvl_bench.errors import Damage

RESULT = "result.json"
RECORDS = "records.csv"
QUESTIONS, PICTURES = "questions.json", "pictures.safetensors"
"""What a report must know of the test questions of a run that answered some, and small pictures of a few."""
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Record:
    """One measured value and its coordinates.

    `trained` counts the experiences learned before the measurement; `experience` is -1 for what belongs to no experience;
    `dataset` is the dataset that was measured on, with the class where it was one; `n` is the number of samples behind the
    value.
    """

    benchmark: str
    label_space: str
    strategy: str
    backbone: str
    seed: int
    class_order: int
    trained: int
    stream: str
    experience: int
    dataset: str
    metric: str
    value: float
    n: int


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Record))
_TYPES = tuple(field.type for field in fields(Record))


def to_csv(records: Iterable[Record]) -> bytes:
    """The rows as CSV; floats in the shortest form that reads back to the same bits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in records:
        writer.writerow([repr(value) if isinstance(value, float) else value for value in astuple(record)])
    return text.getvalue().encode()


def from_csv(data: bytes, *, name: str) -> list[Record]:
    """The rows of a CSV file.

    Raises:
        Damage: a header or a value is not what `to_csv` writes.
    """
    rows = csv.reader(io.StringIO(data.decode("utf-8", "replace")))
    header = next(rows, [])
    if tuple(header) != COLUMNS:
        raise Damage(f"{name}: got columns {header}, expected {list(COLUMNS)}; run it again to write it anew")
    try:
        return [Record(*(kind(value) for kind, value in zip(_TYPES, row, strict=True))) for row in rows]  # type: ignore[operator]
    except ValueError as error:
        raise Damage(f"{name}: a row cannot be read ({error}); run it again to write it anew") from None


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """The hash of a file of any size, read block by block."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def to_json(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no NaN, one trailing newline."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file so that a reader, or whoever comes after a crash, finds the old bytes or the new ones, never a mixture.

    What is not `durable` may be lost or damaged when the machine loses power: for what is hashed and can be made again.
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

    An existing folder of that name is left as it is: what is written under one name is always the same.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for name, data in files.items():
            write_atomically(temporary / name, data)
        write_atomically(temporary / MANIFEST, to_json({name: sha256(data) for name, data in files.items()}))
        if not path.exists():
            os.replace(temporary, path)
            _sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_folder(path: Path) -> dict[str, bytes] | None:
    """The files of such a folder; None if the manifest, a file or a single byte is not as written."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        files = {name: (path / name).read_bytes() for name in manifest}
    except (OSError, ValueError, TypeError):
        return None
    return files if all(sha256(data) == manifest[name] for name, data in files.items()) else None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Result:
    """A finished run as read back and verified: where its numbers come from, what it cost, its rows."""

    folder: Path
    provenance: dict[str, Any]
    timing: dict[str, Any]
    records: list[Record]


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path, *, guard: Callable[[], None] = lambda: None) -> None:
        self.path, self._guard = path, guard

    def write(self, name: str, data: bytes) -> None:
        """Write a file of the run, if the guard does not object: it raises once somebody else has taken over."""
        self._guard()
        write_atomically(self.path / name, data)

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    @property
    def finished(self) -> bool:
        return (self.path / RESULT).is_file()

    @property
    def closed(self) -> bool:
        """Finished, said so, and nothing is left beside it: nobody was killed behind the result."""
        if not self.finished or (self.path / "state").exists() or any(self.path.glob("claim.*")):
            return False
        try:
            return bool(json.loads((self.path / "status.json").read_bytes())["state"] == "done")
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def set_status(self, state: str, **facts: Any) -> None:
        """`running`, `done`, `interrupted` or `failed`, with the reason in one line."""
        self.write("status.json", to_json({"state": state, **facts}))

    def set_failed(self, coordinates: dict[str, Any], reason: str) -> None:
        """The run ended without a result; tables show it as failed, with this reason."""
        self.set_status("failed", reason=reason, coordinates={"run": self.path.name, **coordinates})

    def finish(self, *, provenance: dict[str, Any], results: list[str], timing: dict[str, Any]) -> None:
        """Write result.json: the hashes of all result files, and from then on the run counts.

        Everything outside `timing` is the same for an undisturbed run and for one that was killed and continued.
        """
        body = {"files": {name: sha256(self.read(name)) for name in sorted(results)}, "provenance": provenance}
        self.write(RESULT, to_json({**_sealed(body), "timing": _sealed(timing)}))

    def result(self) -> Result:
        """Read the finished run, verifying every hash.

        Raises:
            Damage: a file of the run is missing or differs from what was recorded.
        """
        mend = f"delete {self.path} and run it again"
        try:
            summary = json.loads(self.read(RESULT))
            timing = summary.pop("timing")
            if not (_seal_fits(summary) and _seal_fits(timing)):
                raise ValueError("its seal does not fit")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damage(f"{self.path / RESULT}: is not what was written ({str(error).splitlines()[0]}); {mend}") from None
        for name, expected in summary["files"].items():
            try:
                actual = sha256(self.read(name))
            except FileNotFoundError:
                raise Damage(f"{self.path / name}: is missing; {mend}") from None
            if actual != expected:
                raise Damage(f"{self.path / name}: sha256 is {actual[:8]}, recorded {expected[:8]}; {mend}")
        records = from_csv(self.read(RECORDS), name=str(self.path / RECORDS))
        return Result(self.path, summary["provenance"], timing, records)


def _sealed(body: dict[str, Any]) -> dict[str, Any]:
    """The body with a hash of itself, so that a change inside result.json is noticed too."""
    return {**body, "seal": sha256(to_json(body))}


def _seal_fits(sealed: dict[str, Any]) -> bool:
    return bool(sealed.pop("seal") == sha256(to_json(sealed)))
