"""Committed folders: the records of many runs, as they lie in the repository.

records.parquet holds all rows, with the run that each belongs to. runs.parquet says where each
run's numbers come from, what they cost, and which test samples it had right at its end, which
paired statistics need. Where questions were answered, answers.parquet holds the scores by open and
closed and by type. manifest.json holds the hashes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import MISSING, Field, astuple, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage, warn
from clvl_bench.core.files import MANIFEST
from clvl_bench.records.committed import (
    RESTORE,
    SUFFIX,
    check_summaries,
    read_manifest,
    read_table,
    seal_summaries,
    write_tables,
)
from clvl_bench.records.rows import COLUMNS, Record
from clvl_bench.report import committed_csv
from clvl_bench.report.answers import Answered, Score
from clvl_bench.report.origin import Origin, Run

RECORDS, RUNS, ANSWERS = "records", "runs", "answers"
NAMED = 3
"""How many runs a line names before it counts the rest."""
Row = TypeVar("Row", Record, Origin, Score)
SUMMARIES = ("*.csv", "*.md", "gallery*.html")
"""What a report makes of the tables beside them; its pictures lie in a folder of their own."""

ORIGIN = tuple(field.name for field in fields(Origin))
SCORE = tuple(field.name for field in fields(Score))


def is_committed(folder: Path) -> bool:
    """Whether committed records lie there, in today's form or as CSV."""
    return _has_tables(folder) or committed_csv.is_here(folder)


def _has_tables(folder: Path) -> bool:
    """Whether the folder is read from its Parquet tables, and not from the CSV of older versions.

    A folder of CSV that is being written anew holds both for a moment. The manifest comes last, so
    that until it is there the CSV files count. Tables without a manifest and without CSV are
    damage, which whoever reads them says.
    """
    tables = [folder / f"{name}{SUFFIX}" for name in (RECORDS, RUNS)]
    has_csv_alone = committed_csv.is_here(folder) and not (folder / MANIFEST).is_file()
    return not has_csv_alone and any(table.is_file() for table in tables)


def write_committed(runs: Sequence[Run], folder: Path) -> None:
    """Write the tables, in an order that does not depend on when a run finished."""
    ordered = sorted(runs, key=lambda run: (run.origin.key, run.origin.run))
    rows = [(*astuple(record), run.origin.run) for run in ordered for record in run.records]
    origins = [(*astuple(run.origin), *_bits(run.correct)) for run in ordered]
    tables = {
        RECORDS: _columns((*COLUMNS, "run"), rows),
        RUNS: _columns((*ORIGIN, "samples", "correct"), origins),
    }
    scores = []
    for run in ordered:
        if run.answered is not None:
            scores += [(run.origin.run, *astuple(score)) for score in run.answered.scores]
    if scores:
        tables[ANSWERS] = _columns(("run", *SCORE), scores)
    write_tables(folder, tables)
    committed_csv.remove(folder)


def seal(folder: Path) -> None:
    """Put the hashes of the summaries, which were made of the tables since, into the manifest."""
    found = {path.name for pattern in SUMMARIES for path in folder.glob(pattern)}
    seal_summaries(folder, found)


def read_committed(folder: Path) -> list[Run]:
    """The runs of a committed folder, checked against its manifest.

    Raises:
        Damage: a file is not what was written.
    """
    if not _has_tables(folder):
        warn(
            f"{folder}: holds records as CSV, which is deprecated; clvl-bench report {folder} "
            f"--out {folder} writes them anew"
        )
        return committed_csv.read(folder)
    manifest = read_manifest(folder)
    check_summaries(folder, manifest)
    rows = _table(folder, RECORDS, manifest)
    runs = _table(folder, RUNS, manifest)
    scores = read_table(folder, ANSWERS, manifest)
    records = _records(rows, folder / f"{RECORDS}{SUFFIX}")
    found = _origins(runs, folder / f"{RUNS}{SUFFIX}")
    _name_unlisted(records, runs["run"], folder / f"{RECORDS}{SUFFIX}")
    answered = {}
    if scores is not None:
        answered = _answered(scores, folder / f"{ANSWERS}{SUFFIX}")
    return [
        Run(
            origin,
            tuple(records.get(origin.run, ())),
            _correct(samples, bits),
            answered.get(origin.run),
            is_committed=True,
        )
        for origin, samples, bits in zip(found, runs["samples"], runs["correct"], strict=True)
    ]


def origins(folder: Path) -> list[Origin]:
    """Where the numbers of a committed folder come from, and what they cost; without the records.

    Raises:
        Damage: the file is not what was written.
    """
    if not _has_tables(folder):
        return committed_csv.origins(folder)
    table = _table(folder, RUNS, read_manifest(folder))
    return _origins(table, folder / f"{RUNS}{SUFFIX}")


def _table(folder: Path, name: str, manifest: dict[str, Any]) -> dict[str, list[Any]]:
    table = read_table(folder, name, manifest)
    if table is None:
        raise Damage(f"{folder}: its manifest names no {name}{SUFFIX}; restore the folder")
    return table


def _columns(names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """Rows as columns; all of them, also where there is no row."""
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return dict(zip(names, columns, strict=True))


def _records(table: dict[str, list[Any]], path: Path) -> dict[str, list[Record]]:
    """The rows of each run."""
    found: dict[str, list[Record]] = {}
    rows = _rows_of(Record, table, path, beside=("run",))
    for run, record in zip(table["run"], rows, strict=True):
        found.setdefault(run, []).append(record)
    return found


def _origins(table: dict[str, list[Any]], path: Path) -> list[Origin]:
    return _rows_of(Origin, table, path, beside=("samples", "correct"))


def _rows_of(
    kind: type[Row], table: dict[str, list[Any]], path: Path, *, beside: Sequence[str]
) -> list[Row]:
    """A table's rows as dataclasses; `beside` are its other columns.

    A column that is not there takes its default, and one that this version does not know is left
    out, which a line says.

    Raises:
        Damage: a column without a default is not there.
    """
    known: tuple[Field[Any], ...] = fields(kind)
    needed = [*beside, *(each.name for each in known if each.default is MISSING)]
    lacking = [name for name in needed if name not in table]
    if lacking:
        raise Damage(
            f"{path}: has no column {', '.join(lacking)}, which this version needs; install the "
            f"version that wrote it"
        )
    unknown = sorted(set(table) - {each.name for each in known} - set(beside))
    if unknown:
        warn(
            f"{path}: a newer version wrote it; its columns {', '.join(unknown)} are not known "
            f"here, and left out"
        )
    count = len(table[beside[0]])
    columns = [table.get(each.name, [each.default] * count) for each in known]
    return [kind(*values) for values in zip(*columns, strict=True)]


def _answered(table: dict[str, list[Any]], path: Path) -> dict[str, Answered]:
    found: dict[str, list[Score]] = {}
    rows = _rows_of(Score, table, path, beside=("run",))
    for run, score in zip(table["run"], rows, strict=True):
        found.setdefault(run, []).append(score)
    return {run: Answered(tuple(scores)) for run, scores in found.items()}


def _name_unlisted(found: Iterable[str], listed: Iterable[str], path: Path) -> None:
    """Tell of rows whose run is not in the table of runs: nobody knows where they come from."""
    unlisted = sorted(set(found) - set(listed))
    if unlisted:
        named = ", ".join(unlisted[:NAMED])
        more = f" and {len(unlisted) - NAMED} more" if len(unlisted) > NAMED else ""
        warn(
            f"{path}: has rows of {named}{more}, which {RUNS}{SUFFIX} does not list; they are left "
            f"out; {RESTORE}"
        )


def _bits(correct: NDArray[np.bool_] | None) -> tuple[int, str]:
    """How many test samples there were, and a bit for each, as hexadecimal digits; none where it
    is not known.
    """
    return (0, "") if correct is None else (len(correct), np.packbits(correct).tobytes().hex())


def _correct(samples: int, bits: str) -> NDArray[np.bool_] | None:
    if not samples:
        return None
    packed = np.frombuffer(bytes.fromhex(bits), dtype=np.uint8)
    return np.unpackbits(packed, count=samples).astype(np.bool_)
