"""Committed folders as they were written before: CSV without hashes. They are read, and no longer
written.
"""

import csv
import io
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage
from clvl_bench.records.rows import Record, from_csv
from clvl_bench.report.answers import Answered, Score
from clvl_bench.report.origin import Key, Origin, Run

RECORDS, RUNS = "records.csv", "runs.csv"
CORRECT, ANSWERS = "correct.csv", "answers.csv"
UNREADABLE = (KeyError, TypeError, ValueError, csv.Error)
"""What is raised about rows that were not written here."""


def is_here(folder: Path) -> bool:
    """Whether the folder holds committed records as CSV."""
    return (folder / RUNS).is_file()


def remove(folder: Path) -> None:
    """Remove the files, once their runs are written in today's form."""
    for name in (RECORDS, RUNS, CORRECT, ANSWERS):
        (folder / name).unlink(missing_ok=True)


def origins(path: Path) -> list[Origin]:
    """Where the numbers of a folder of committed records come from, and what they cost; without the
    records.

    Raises:
        Damage: the file is not what was written.
    """
    kinds: dict[str, Any] = {field.name: field.type for field in fields(Origin)}
    try:
        rows = csv.DictReader(io.StringIO((path / RUNS).read_text(encoding="utf-8")))
        return [Origin(**{name: kinds[name](value) for name, value in row.items()}) for row in rows]
    except UNREADABLE as error:
        raise Damage(f"{path / RUNS}: a row cannot be read ({error}); restore the file") from None


def read(path: Path) -> list[Run]:
    """The runs of the folder.

    Raises:
        Damage: a file is not what was written.
    """
    found = origins(path)
    records = from_csv((path / RECORDS).read_bytes(), name=str(path / RECORDS))
    of_key: dict[Key, list[Record]] = {origin.key: [] for origin in found}
    for record in records:
        key = (
            record.benchmark,
            record.label_space,
            record.strategy,
            record.backbone,
            record.seed,
            record.class_order,
        )
        if key not in of_key:
            raise Damage(
                f"{path / RECORDS}: has rows of {key}, which {RUNS} does not list; restore the "
                f"files"
            )
        of_key[key].append(record)
    correct = _read_correct(path)
    file = path / ANSWERS
    told = _read_answers(file.read_bytes(), name=str(file)) if file.is_file() else {}
    return [
        Run(
            origin,
            tuple(of_key[origin.key]),
            correct.get(origin.run),
            told.get(origin.run),
            is_committed=True,
        )
        for origin in found
    ]


def _read_correct(path: Path) -> dict[str, NDArray[np.bool_]]:
    if not (path / CORRECT).is_file():
        return {}
    try:
        rows = list(csv.DictReader(io.StringIO((path / CORRECT).read_text(encoding="utf-8"))))
        bits = {
            row["run"]: np.frombuffer(bytes.fromhex(row["bits"]), dtype=np.uint8) for row in rows
        }
        return {row["run"]: _unpacked(bits[row["run"]], int(row["samples"])) for row in rows}
    except UNREADABLE as error:
        raise Damage(
            f"{path / CORRECT}: a row cannot be read ({error}); restore the file"
        ) from None


def _unpacked(bits: NDArray[np.uint8], samples: int) -> NDArray[np.bool_]:
    """Raises:
    ValueError: there are not so many bits.
    """
    if not 0 <= samples <= 8 * len(bits):
        raise ValueError(f"{samples} samples in {8 * len(bits)} bits")
    return np.unpackbits(bits, count=samples).astype(np.bool_)


def _read_answers(data: bytes, *, name: str) -> dict[str, Answered]:
    """Run -> scores."""
    found: dict[str, list[Score]] = {}
    try:
        for row in csv.DictReader(io.StringIO(data.decode("utf-8"))):
            score = Score(
                int(row["trained"]), row["group"], row["name"], int(row["right"]), int(row["n"])
            )
            found.setdefault(row["run"], []).append(score)
    except UNREADABLE as error:
        raise Damage(f"{name}: a row cannot be read ({error}); restore the file") from None
    return {run: Answered(tuple(scores)) for run, scores in found.items()}
