"""Answers: how questions were answered, group by group. From the stored predictions and the
questions beside them.

Groups are made by what the data say of a question, never by what was predicted. Answers are
compared as whole strings after the dataset's normaliser; a true answer that is no candidate can
never be given and counts as wrong: the ceiling is the share of the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvl_bench.records.result import Result

OVERALL, CEILING, CANDIDATE = "overall", "ceiling", "candidate"
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
class Shown:
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
    shown: tuple[Shown, ...] = ()


def answered(result: Result) -> Answered | None:
    """Of a finished run, whose files were verified; None of one that classifies images."""
    content = result.questions()
    if content is None:
        return None
    by_step = dict(_predicted(result, number) for number in (0, -1))
    first, last = min(by_step), max(by_step)
    scores = [
        score
        for trained, found in by_step.items()
        for score in _scores(trained, content["questions"], found)
    ]
    rows = {row["id"]: row for row in content["questions"]}
    shown = tuple(
        Shown(
            dataset=rows[sample]["dataset"],
            question=rows[sample]["question"],
            answer=rows[sample]["answer"],
            type=rows[sample]["type"],
            picture=picture,
            first=_said(by_step[first].get(sample), content["answers"]),
            last=_said(by_step[last].get(sample), content["answers"]),
        )
        for sample, picture in zip(content["shown"], result.pictures(), strict=True)
    )
    return Answered(tuple(scores), shown)


PredictionsById = Mapping[int, tuple[int, int]]
"""Sample id -> predicted and true place in the table."""


def _predicted(result: Result, number: int) -> tuple[int, PredictionsById]:
    """After how many experiences an evaluation was made, and what was answered in it."""
    found = result.predictions(number)
    assert found is not None, "a run that answers questions keeps its predictions"
    answers = zip(found.predicted.tolist(), found.true.tolist(), strict=True)
    return found.trained, dict(zip(found.ids.tolist(), answers, strict=True))


def _scores(
    trained: int, questions: Sequence[Mapping[str, Any]], given: PredictionsById
) -> list[Score]:
    """Every group of the questions that were asked; in label space `seen` there are none before the
    first experience.
    """
    asked = [(row, *given[row["id"]]) for row in questions if row["id"] in given]
    groups: dict[tuple[str, str], list[bool]] = {}
    for row, predicted, true in asked:
        right = predicted == true
        seen = "given in training" if row["seen"] else "never given in training"
        told = [
            (OVERALL, ""),
            ("answer_type", row["answer_type"]),
            ("type", row["type"]),
            ("seen", seen),
        ]
        if "held_out" in row:
            told.append(
                (
                    "combination",
                    "held-out combinations" if row["held_out"] else "trained combinations",
                )
            )
        for group in told:
            groups.setdefault(group, []).append(right)
        groups.setdefault((CEILING, ""), []).append(true >= 0)
        groups.setdefault((CANDIDATE, ""), []).append(predicted >= 0)
    if all(groups.get((CANDIDATE, ""), [])):
        groups.pop((CANDIDATE, ""), None)
    return [
        Score(trained, group, name, sum(right), len(right))
        for (group, name), right in sorted(groups.items())
    ]


def _said(given: tuple[int, int] | None, answers: Sequence[str]) -> str:
    if given is None:
        return ""
    return answers[given[0]] if given[0] >= 0 else NO_CANDIDATE
