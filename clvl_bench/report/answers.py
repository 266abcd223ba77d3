"""Answers: how questions were answered, group by group. From the stored predictions and the
questions beside them.

Groups are made by what the data say of a question, never by what was predicted. Answers are
compared as whole strings after the dataset's normaliser; a true answer that is no candidate can
never be given and counts as wrong: the ceiling is the share of the others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvl_bench.records.result import Result

OVERALL = "overall"
CEILING = "ceiling"
CANDIDATE = "candidate"
NO_CANDIDATE = "(no candidate)"
"""What a gallery shows of an answer in somebody's own words that is none of the candidates."""


@dataclass(frozen=True)
class Score:
    """How many of the test questions of a group were right after `trained` experiences.

    `group` is overall, answer_type, type, seen (whether the true answer is among those of the train
    part), combination (whether skill and concept were trained on together), or ceiling; or
    candidate, of which `right` counts the answers that were candidates at all, where some were not.
    """

    trained: int
    group: str
    name: str
    right: int
    n: int


@dataclass(frozen=True)
class GalleryQuestion:
    """One question of the gallery, and what was answered before the first experience and after the
    last.
    """

    dataset: str
    question: str
    answer: str
    type: str
    picture: NDArray[np.uint8]
    first: str
    last: str


@dataclass(frozen=True)
class Answered:
    """All that a report says of a run's answers."""

    scores: tuple[Score, ...]
    gallery: tuple[GalleryQuestion, ...] = ()


def answered(result: Result) -> Answered | None:
    """Of a finished run, whose files were verified; None of one that classifies images."""
    content = result.questions()
    if content is None:
        return None
    # A run without training has one evaluation: it is the first and the last.
    by_step = dict(_predictions(result, number) for number in (0, -1))
    scores: list[Score] = []
    for trained, predictions in by_step.items():
        scores += _scores(trained, content["questions"], predictions)
    first = by_step[min(by_step)]
    last = by_step[max(by_step)]
    pictures = result.pictures()
    shown = () if pictures is None else tuple(_gallery(content, pictures, first, last))
    return Answered(tuple(scores), shown)


def _gallery(
    content: Mapping[str, Any],
    pictures: NDArray[np.uint8],
    first: "PredictionsById",
    last: "PredictionsById",
) -> Iterator[GalleryQuestion]:
    rows = {row["id"]: row for row in content["questions"]}
    for sample, picture in zip(content["shown"], pictures, strict=True):
        row = rows[sample]
        yield GalleryQuestion(
            dataset=row["dataset"],
            question=row["question"],
            answer=row["answer"],
            type=row["type"],
            picture=picture,
            first=_answer_text(first.get(sample), content["answers"]),
            last=_answer_text(last.get(sample), content["answers"]),
        )


PredictionsById = Mapping[int, tuple[int, int]]
"""Sample id -> predicted and true place in the table."""


def _predictions(result: Result, number: int) -> tuple[int, PredictionsById]:
    """After how many experiences an evaluation was made, and what was answered in it."""
    found = result.predictions(number)
    assert found is not None, "a run that answers questions keeps its predictions"
    answers = zip(found.predicted.tolist(), found.true.tolist(), strict=True)
    return found.trained, dict(zip(found.ids.tolist(), answers, strict=True))


GroupName = tuple[str, str]
"""`group` and `name` of a score."""


def _scores(
    trained: int, questions: Sequence[Mapping[str, Any]], predictions: PredictionsById
) -> list[Score]:
    """Every group of the questions that were asked; in label space `seen` there are none before the
    first experience.
    """
    counted: dict[GroupName, list[bool]] = {}
    for row in questions:
        if row["id"] not in predictions:
            continue
        predicted, true = predictions[row["id"]]
        for group in _groups_of(row):
            counted.setdefault(group, []).append(predicted == true)
        counted.setdefault((CEILING, ""), []).append(true >= 0)
        counted.setdefault((CANDIDATE, ""), []).append(predicted >= 0)
    # That all answers were candidates goes without saying where a model chooses among them.
    if all(counted.get((CANDIDATE, ""), [])):
        counted.pop((CANDIDATE, ""), None)
    return [
        Score(trained, group, name, sum(right), len(right))
        for (group, name), right in sorted(counted.items())
    ]


def _groups_of(row: Mapping[str, Any]) -> list[GroupName]:
    """The groups that a question counts in, by what the data say of it."""
    seen = "given in training" if row["seen"] else "never given in training"
    groups = [
        (OVERALL, ""),
        ("answer_type", row["answer_type"]),
        ("type", row["type"]),
        ("seen", seen),
    ]
    if "held_out" in row:
        held_out = "held-out combinations" if row["held_out"] else "trained combinations"
        groups.append(("combination", held_out))
    return groups


def _answer_text(prediction: tuple[int, int] | None, answers: Sequence[str]) -> str:
    """What a prediction says; nothing where the question was not asked."""
    if prediction is None:
        return ""
    predicted, _ = prediction
    return answers[predicted] if predicted >= 0 else NO_CANDIDATE
