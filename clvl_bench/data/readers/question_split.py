"""Question split: what every reader of questions returns, whatever the layout it read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clvl_bench.data.catalog.vqa import NONE
from clvl_bench.data.readers.split import Split

OPEN, CLOSED = "OPEN", "CLOSED"


@dataclass(frozen=True)
class Question:
    """One question about one image, named by its key in the images; what the data do not say is
    `not stated`.
    """

    image: str
    question: str
    answer: str
    answer_type: str = NONE
    type: str = NONE
    organ: str = NONE
    modality: str = NONE


@dataclass(frozen=True)
class QuestionSplit:
    """Questions [n] in canonical order, the images they are about, and for each question the row of
    its image [n].

    The fingerprint depends on questions, answers, properties and pixels alone, not on where or how
    they are stored.
    """

    questions: tuple[Question, ...]
    images: Split
    image_rows: NDArray[np.int64]
    fingerprint: str
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def hashes(self) -> tuple[str, ...]:
        """The identity of each image."""
        return self.images.hashes

    def first(self, limit: int, classes: int) -> "QuestionSplit":
        """About `limit` questions, the first ones of each type: for trying things out. Its
        fingerprint differs.
        """
        types = list(dict.fromkeys(each.type for each in self.questions))
        quota, left = max(1, limit // max(1, len(types))), dict.fromkeys(types, 0)
        rows = []
        for row, each in enumerate(self.questions):
            if left[each.type] < quota:
                left[each.type] += 1
                rows.append(row)
        kept = np.array(rows, dtype=np.int64)
        used, places = np.unique(self.image_rows[kept], return_inverse=True)
        digest = hashlib.sha256(f"{self.fingerprint} first {limit}".encode()).hexdigest()
        return replace(
            self,
            questions=tuple(self.questions[row] for row in rows),
            images=self.images.take(used, f"of the first {limit} questions"),
            image_rows=places.astype(np.int64),
            fingerprint=digest,
        )


def question_split(questions: Sequence[Question], images: Split) -> QuestionSplit:
    """Questions in canonical order (by image content, then by their own words), with the images
    that they are about.

    Questions about an image that was left out as damaged are left out with it.
    """
    rows = {key: row for row, key in enumerate(images.keys)}
    there = [each for each in questions if each.image in rows]
    identities = images.hashes or images.keys
    ordered = sorted(
        there,
        key=lambda each: (
            identities[rows[each.image]],
            each.question,
            each.answer,
            each.type,
            each.answer_type,
        ),
    )
    used = sorted({rows[each.image] for each in ordered})
    place = {row: number for number, row in enumerate(used)}
    whole = (
        images
        if len(used) == len(images)
        else images.take(np.array(used, dtype=np.int64), f"{len(used)} asked about {used}")
    )
    image_rows = np.array([place[rows[each.image]] for each in ordered], dtype=np.int64)
    digest = hashlib.sha256()
    for each in ordered:
        words = (
            identities[rows[each.image]],
            each.question,
            each.answer,
            each.answer_type,
            each.type,
            each.organ,
            each.modality,
        )
        digest.update(repr(words).encode())
    return QuestionSplit(
        tuple(ordered), whole, image_rows, digest.hexdigest(), len(questions) - len(there)
    )
