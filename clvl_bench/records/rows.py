"""Rows: one tidy record per measured value, as CSV."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from clvl_bench.core.errors import Damage


@dataclass(frozen=True)
class Record:
    """One measured value and its coordinates.

    `trained` counts the experiences learned before the measurement; `experience` is -1 for what
    belongs to no experience; `dataset` is the dataset that was measured on, with the class where it
    was one; `n` is the number of samples behind the value.
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
_values = attrgetter(*COLUMNS)
_TYPES = tuple(field.type for field in fields(Record))


def to_csv(records: Iterable[Record]) -> bytes:
    """The rows as CSV; floats in the shortest form that reads back to the same bits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in records:
        writer.writerow(
            [repr(value) if isinstance(value, float) else value for value in _values(record)]
        )
    return text.getvalue().encode()


def _record(row: list[str]) -> Record:
    """A row of text as a record.

    Raises:
        ValueError: it has another number of values, or one of them is of another kind.
    """
    values: list[Any] = [kind(text) for kind, text in zip(_TYPES, row, strict=True)]  # type: ignore[operator]
    return Record(*values)


def from_csv(data: bytes, *, name: str) -> list[Record]:
    """The rows of a CSV file.

    Raises:
        Damage: a header or a value is not what `to_csv` writes.
    """
    rows = csv.reader(io.StringIO(data.decode("utf-8", "replace")))
    try:
        header = next(rows, [])
    except csv.Error as error:
        header = [str(error)]
    if tuple(header) != COLUMNS:
        raise Damage(
            f"{name}: got columns {header}, expected {list(COLUMNS)}; run it again to write it anew"
        )
    try:
        return [_record(row) for row in rows]
    except (ValueError, csv.Error) as error:
        raise Damage(
            f"{name}: a row cannot be read ({error}); run it again to write it anew"
        ) from None
