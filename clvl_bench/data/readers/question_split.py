"""Question split: what every reader of questions returns, whatever the layout it read."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clvl_bench.data.catalog.vqa import NONE
from clvl_bench.data.readers.split import Split

OPEN = "OPEN"
CLOSED = "CLOSED"


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
    they are stored. `skipped` counts the questions whose image is damaged, `unanswered` those that
    were left out since the data have no answer to them.
    """

    questions: tuple[Question, ...]
    images: Split
    image_rows: NDArray[np.int64]
    fingerprint: str
    skipped: int = 0
    unanswered: int = 0

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
        types = {each.type for each in self.questions}
        quota = max(1, limit // max(1, len(types)))
        taken: Counter[str] = Counter()
        rows = []
        for row, each in enumerate(self.questions):
            if taken[each.type] < quota:
                taken[each.type] += 1
                rows.append(row)
        kept = np.array(rows, dtype=np.int64)
        # Only the images that are still needed, and for each question the new row of its image.
        image_rows, new_rows = np.unique(self.image_rows[kept], return_inverse=True)
        digest = hashlib.sha256(f"{self.fingerprint} first {limit}".encode()).hexdigest()
        return replace(
            self,
            questions=tuple(self.questions[row] for row in rows),
            images=self.images.take(image_rows, f"of the first {limit} questions"),
            image_rows=new_rows.astype(np.int64),
            fingerprint=digest,
        )


def question_split(
    questions: Sequence[Question], images: Split, *, unanswered: int = 0
) -> QuestionSplit:
    """Questions in canonical order (by image content, then by their own words), with the images
    that they are about.

    Questions about an image that was left out as damaged are left out with it.
    """
    row_of = {key: row for row, key in enumerate(images.keys)}
    undamaged = [each for each in questions if each.image in row_of]
    # An image's identity is its content where it was scanned, else its name.
    identity_of = dict(zip(images.keys, images.hashes or images.keys, strict=True))

    def canonical(each: Question) -> tuple[str, ...]:
        identity = identity_of[each.image]
        return (identity, each.question, each.answer, each.type, each.answer_type)

    ordered = sorted(undamaged, key=canonical)
    used = sorted({row_of[each.image] for each in ordered})
    if len(used) < len(images):
        images = images.take(np.array(used, dtype=np.int64), f"{len(used)} asked about {used}")
    new_row_of = {key: row for row, key in enumerate(images.keys)}
    image_rows = np.array([new_row_of[each.image] for each in ordered], dtype=np.int64)
    return QuestionSplit(
        tuple(ordered),
        images,
        image_rows,
        fingerprint=_fingerprint(ordered, identity_of),
        skipped=len(questions) - len(undamaged),
        unanswered=unanswered,
    )


def _fingerprint(questions: Sequence[Question], identity_of: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for each in questions:
        words = (
            identity_of[each.image],
            each.question,
            each.answer,
            each.answer_type,
            each.type,
            each.organ,
            each.modality,
        )
        digest.update(repr(words).encode())
    return digest.hexdigest()
