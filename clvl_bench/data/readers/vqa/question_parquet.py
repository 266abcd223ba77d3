"""The hub's layout of VQA datasets: parquet files with the columns image, question and answer
(VQA-RAD, PathVQA, SLAKE).

The image cell of each row is an encoded picture, bare or as `bytes`; rows about one picture repeat
it. Where there is no column `answer_type`, a question is closed exactly if its answer is yes or no,
and its type is not stated.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from clvl_bench.core.errors import Damage, Missing, Mistake, unknown
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import QuestionParquetSource
from clvl_bench.data.readers.encoded import encoded_split
from clvl_bench.data.readers.question_split import (
    CLOSED,
    OPEN,
    Question,
    QuestionSplit,
    question_split,
)

COLUMNS = ("image", "question", "answer")
OPTIONAL = {
    "answer_type": "answer_type",
    "type": "content_type",
    "organ": "location",
    "modality": "modality",
}
"""Fields of a question, and what the hub's SLAKE calls them."""


def read(dataset: VqaDataset, split: str, partition: str) -> QuestionSplit:
    """One split.

    Raises:
        Missing: no file has the name that its pattern asks for.
        Mistake: a column is not there.
        Damage: a file or an image cannot be read.
    """
    source = dataset.source
    assert isinstance(source, QuestionParquetSource)
    assert source.path is not None
    if split not in source.files:
        raise Mistake(
            f"dataset.{dataset.name}.source.files: {unknown('split', split, source.files)}"
        )
    files = sorted(source.path.glob(source.files[split]))
    if not files:
        raise Missing(
            f"dataset.{dataset.name}: no file of '{source.path}' is called '{source.files[split]}' "
            f"({split})"
        )
    questions = []
    encoded: dict[str, bytes] = {}
    for file in files:
        for row in _rows(dataset.name, file):
            cell = row["image"]
            if isinstance(cell, dict):
                cell = cell["bytes"]
            # The hub names no images: an image is called by its bytes, so rows about one share it.
            name = hashlib.sha256(cell).hexdigest()
            encoded[name] = cell
            questions.append(_question(dataset.name, file, name, row))
    keys = sorted(encoded)
    images = encoded_split(
        dataset.name,
        ("image",),
        keys,
        np.zeros(len(keys), dtype=np.int64),
        lambda row: encoded[keys[row]],
        files=[file.resolve() for file in files],
        policy=source.on_damage,
    )
    return question_split(questions, images)


def _rows(name: str, file: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        present = pq.read_schema(file).names
        for column in COLUMNS:
            if column not in present:
                raise Mistake(
                    f"dataset.{name}.source: {file.name}: {unknown('column', column, present)}"
                )
        optional = [column for column in OPTIONAL.values() if column in present]
        wanted = [*COLUMNS, *optional]
        rows: list[dict[str, Any]] = pq.read_table(file, columns=wanted).to_pylist()
        return rows
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0]
        raise Damage(f"{name}: {file} cannot be read as parquet ({why}); get it again") from None


def _question(dataset: str, file: Path, image: str, row: dict[str, Any]) -> Question:
    """A row as a question.

    Raises:
        Mistake: it has no answer, or several: their text would be one more answer.
    """
    if not isinstance(row["answer"], str | int) or row["answer"] == "":
        raise Mistake(
            f"dataset.{dataset}.source: {file.name}: the answer to '{row['question']}' is "
            f"{row['answer']!r}; keep rows with one answer, as text"
        )
    answer = _one_line(row["answer"])
    stated = {}
    for field, column in OPTIONAL.items():
        if row.get(column) is not None:
            stated[field] = _one_line(row[column])
    is_closed = answer.lower().strip(".") in ("yes", "no")
    answer_type = stated.pop("answer_type", CLOSED if is_closed else OPEN).upper()
    return Question(image, _one_line(row["question"]), answer, answer_type, **stated)


def _one_line(value: object) -> str:
    """A cell as text, with single spaces."""
    return " ".join(str(value).split())
