"""Question rows: tables with a question a row become questions about images.

Rows about one image may repeat its bytes, or name its file. A question is closed where the table
says so, or, where it says nothing, exactly if its answer is yes or no.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import OPTIONAL_COLUMNS, QuestionColumns
from clvl_bench.data.readers.cells import ImageCells, Place
from clvl_bench.data.readers.encoded import encoded_split, key_of
from clvl_bench.data.readers.question_split import (
    CLOSED,
    OPEN,
    Question,
    QuestionSplit,
    question_split,
)
from clvl_bench.data.readers.tables import Tables, must_have
from clvl_bench.data.readers.vqa.answers import one_answer, one_line

Row = dict[str, Any]


def questions_of(
    dataset: VqaDataset,
    found: Tables,
    columns: QuestionColumns,
    place: Place,
    *,
    policy: str,
    belongs: Callable[[Row], bool] | None = None,
) -> QuestionSplit:
    """The questions of the rows that belong to a split; all of them, if nothing says which.

    Questions without an answer are left out and counted.

    Raises:
        Mistake: a column is not there, or holds something else.
        Damage: an image cannot be decoded.
    """
    called = _columns(found, columns, place)
    rows = found.rows(list(called.values()))
    cells = found.cells(columns.image, place)
    questions = []
    row_of: dict[str, int] = {}
    unanswered = 0
    for number, row in enumerate(rows):
        if belongs is not None and not belongs(row):
            continue
        asked = row[called["question"]]
        answer = one_answer(place.where, asked, row[called["answer"]])
        if answer is None:
            unanswered += 1
            continue
        image = _name(cells, number, place)
        row_of.setdefault(image, number)
        said = {field: row[called[field]] for field in OPTIONAL_COLUMNS if field in called}
        questions.append(_question(image, asked, answer, said))
    keys = sorted(row_of)
    images = encoded_split(
        dataset.name,
        ("image",),
        keys,
        np.zeros(len(keys), dtype=np.int64),
        lambda row: cells.read(row_of[keys[row]]),
        files=[*(file.resolve() for file in found.files), *cells.files],
        policy=policy,
    )
    return question_split(questions, images, unanswered=unanswered)


def _columns(found: Tables, columns: QuestionColumns, place: Place) -> dict[str, str]:
    """The columns that are read, by their field. One that is not named is read where the table has
    it under its usual name.
    """
    present = found.names()
    named = columns.model_dump(exclude_none=True)
    must_have(f"{place.where}.columns", named, present)
    usual = {field: name for field, name in OPTIONAL_COLUMNS.items() if name in present}
    called = {**usual, **named}
    del called["image"]
    return called


def _name(cells: ImageCells, row: int, place: Place) -> str:
    """What an image is called: by its file, or by its bytes, so that rows about one share it."""
    if row in cells.named:
        return key_of(place.name_of(cells.named[row]))
    try:
        return hashlib.sha256(cells.read(row)).hexdigest()
    except ValueError:  # is null: the scan says so, and counts it
        return f"row {row}"


def _question(image: str, asked: object, answer: str, said: Row) -> Question:
    stated = {field: one_line(value) for field, value in said.items() if value not in (None, "")}
    is_closed = answer.lower().strip(".") in ("yes", "no")
    answer_type = stated.pop("answer_type", CLOSED if is_closed else OPEN).upper()
    return Question(image, one_line(asked), answer, answer_type, **stated)
