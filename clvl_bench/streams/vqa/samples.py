"""Exhibits: what a report must know of a stream of questions, written beside a run's results: the
test questions with what scoring groups them by, the candidates by name, and small pictures of at
most 24 of them.

Handed out when a run is over: the true answers are in it.
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
from clvl_bench.streams.vqa.groups import held_out

SHOWN = 24
"""Questions in a gallery."""
SIDE = 112
"""Pixels of the longer side of a gallery's pictures."""


@dataclass(frozen=True)
class VqaSamples:
    """`questions` is plain content for a JSON file; `pictures` [shown, SIDE, SIDE, 3] go with its
    `shown` sample ids.
    """

    questions: dict[str, Any]
    pictures: NDArray[np.uint8]


def vqa_samples(
    plan: Plan, parts: Sequence[SplitSlice], questions: QuestionsConfig | None
) -> VqaSamples | None:
    """Of the test questions of a stream; None of one that classifies images."""
    if questions is None:
        return None
    asked = [part for part in parts if isinstance(part.data, QuestionSplit)]
    tested = np.concatenate([step.ids for step in plan.streams["test"]])
    given = _given(asked)
    rows = [
        _row(int(sample), _part(asked, int(sample)), given, questions) for sample in np.sort(tested)
    ]
    shown = _chosen(rows)
    content = {
        "answers": [candidate.name for candidate in plan.classes],
        "questions": rows,
        "shown": shown,
    }
    pictures = np.stack([_thumbnail(_part(asked, sample), sample) for sample in shown])
    return VqaSamples(content, pictures)


def _given(asked: Sequence[SplitSlice]) -> set[str]:
    """The answers of the train parts of the stream, as they are compared."""
    return {
        _answer(part, each) for part in asked if part.split == "train" for each in _questions(part)
    }


def _row(
    sample: int, part: SplitSlice, given: set[str], questions: QuestionsConfig
) -> dict[str, Any]:
    """What scoring groups a question by; of a stream with held-out combinations also whether it is
    of one.
    """
    question = _questions(part)[sample - part.start]
    facts = {name: value for name, value in asdict(question).items() if name != "image"}
    answer = _answer(part, question)
    composed = {} if questions.concept is None else {"held_out": held_out(question, questions)}
    return {
        "id": sample,
        "dataset": part.dataset.name,
        **facts,
        "answer": answer,
        "seen": answer in given,
        **composed,
    }


def _chosen(rows: Sequence[dict[str, Any]]) -> list[int]:
    """Sample ids: types in turn, within a type by chance, the same for every strategy and seed."""
    by_type: dict[str, list[int]] = {}
    for place in rng("gallery").permutation(len(rows)).tolist():
        by_type.setdefault(rows[place]["type"], []).append(rows[place]["id"])
    queues = [by_type[kind] for kind in sorted(by_type)]
    turns = (queue[turn] for turn in range(SHOWN) for queue in queues if turn < len(queue))
    return sorted(sample for sample, _ in zip(turns, range(SHOWN), strict=False))


def _thumbnail(part: SplitSlice, sample: int) -> NDArray[np.uint8]:
    """The picture, shrunk into a square with grey around it."""
    data = part.data
    assert isinstance(data, QuestionSplit)
    assert data.images.image is not None
    picture = Pillow.fromarray(data.images.image(int(data.image_rows[sample - part.start])))
    scale = SIDE / max(picture.size)
    small = picture.resize(
        (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    )
    square = Pillow.new("RGB", (SIDE, SIDE), (128, 128, 128))
    square.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
    return np.asarray(square, dtype=np.uint8)


def _part(asked: Sequence[SplitSlice], sample: int) -> SplitSlice:
    return next(part for part in asked if part.start <= sample < part.start + len(part.data))


def _questions(part: SplitSlice) -> tuple[Question, ...]:
    assert isinstance(part.data, QuestionSplit)
    return part.data.questions


def _declared(part: SplitSlice) -> VqaDataset:
    assert isinstance(part.dataset, VqaDataset)
    return part.dataset


def _answer(part: SplitSlice, question: Question) -> str:
    return NORMALISERS[_declared(part).normaliser](question.answer)
