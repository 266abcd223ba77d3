"""VQA samples: what a report must know of a stream of questions, written beside a run's results.

These are the test questions with what scoring groups them by, the candidates by name, and small
pictures of at most 24 of the questions.

Made when a run is over: the true answers are in it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from clvl_bench.core.rng import rng
from clvl_bench.data.catalog.normalisers import NORMALISERS
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.question_split import Question, QuestionSplit
from clvl_bench.streams.plan import Plan
from clvl_bench.streams.split_slice import SplitSlice
from clvl_bench.streams.vqa.config import QuestionsConfig
from clvl_bench.streams.vqa.groups import is_held_out

GALLERY_SIZE = 24
"""Questions in a gallery."""
SIDE = 112
"""Pixels of the longer side of a gallery's pictures."""
GREY = (128, 128, 128)


@dataclass(frozen=True)
class VqaSamples:
    """`questions` is plain content for a JSON file; `pictures` [shown, SIDE, SIDE, 3] go with its
    `shown` sample ids.
    """

    questions: dict[str, Any]
    pictures: NDArray[np.uint8]


def vqa_samples(
    plan: Plan, slices: Sequence[SplitSlice], questions: QuestionsConfig | None
) -> VqaSamples | None:
    """Of the test questions of a stream; None of one that classifies images."""
    if questions is None:
        return None
    of_questions = [each for each in slices if isinstance(each.data, QuestionSplit)]
    train_answers = _train_answers(of_questions)
    test_ids = np.sort(np.concatenate([spec.ids for spec in plan.streams["test"]]))
    rows = []
    for sample in test_ids.tolist():
        split_slice = _slice_of(of_questions, sample)
        rows.append(_row(sample, split_slice, train_answers, questions))
    gallery = _gallery(rows)
    pictures = [_thumbnail(_slice_of(of_questions, sample), sample) for sample in gallery]
    content = {
        "answers": [candidate.name for candidate in plan.classes],
        "questions": rows,
        "shown": gallery,
    }
    return VqaSamples(content, np.stack(pictures))


def _train_answers(slices: Sequence[SplitSlice]) -> set[str]:
    """The answers of the train splits of the stream, as they are compared."""
    found = set()
    for split_slice in slices:
        if split_slice.split == "train":
            found |= {_answer(split_slice, question) for question in split_slice.questions}
    return found


def _row(
    sample: int, split_slice: SplitSlice, train_answers: set[str], questions: QuestionsConfig
) -> dict[str, Any]:
    """What scoring groups a question by; of a stream with held-out combinations also whether it is
    of one.
    """
    question = split_slice.questions[sample - split_slice.start]
    answer = _answer(split_slice, question)
    row: dict[str, Any] = {"id": sample, "dataset": split_slice.dataset.name}
    row |= asdict(question)
    del row["image"]
    row["answer"] = answer
    row["seen"] = answer in train_answers
    if questions.concept is not None:
        row["held_out"] = is_held_out(question, questions)
    return row


def _gallery(rows: Sequence[dict[str, Any]]) -> list[int]:
    """Sample ids: types in turn, within a type by chance, the same for every strategy and seed."""
    by_type: dict[str, list[int]] = {}
    for row in rng("gallery").permutation(len(rows)).tolist():
        by_type.setdefault(rows[row]["type"], []).append(rows[row]["id"])
    queues = [by_type[kind] for kind in sorted(by_type)]
    chosen = []
    for turn in range(GALLERY_SIZE):
        chosen += [queue[turn] for queue in queues if turn < len(queue)]
    return sorted(chosen[:GALLERY_SIZE])


def _thumbnail(split_slice: SplitSlice, sample: int) -> NDArray[np.uint8]:
    """The picture, shrunk into a square with grey around it."""
    data = split_slice.data
    assert isinstance(data, QuestionSplit)
    assert data.images.image is not None
    row = int(data.image_rows[sample - split_slice.start])
    picture = Pillow.fromarray(data.images.image(row))
    scale = SIDE / max(picture.size)
    # A very long picture would shrink to a side of no pixel at all.
    width = max(1, round(picture.width * scale))
    height = max(1, round(picture.height * scale))
    square = Pillow.new("RGB", (SIDE, SIDE), GREY)
    square.paste(picture.resize((width, height)), ((SIDE - width) // 2, (SIDE - height) // 2))
    return np.asarray(square, dtype=np.uint8)


def _slice_of(slices: Sequence[SplitSlice], sample: int) -> SplitSlice:
    """The slice that a sample is of."""
    return next(each for each in slices if 0 <= sample - each.start < len(each.data))


def _answer(split_slice: SplitSlice, question: Question) -> str:
    """The true answer as it is compared."""
    assert isinstance(split_slice.dataset, VqaDataset)
    return NORMALISERS[split_slice.dataset.normaliser](question.answer)
