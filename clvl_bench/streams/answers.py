"""Answers: the plan of a stream of questions. Its classes are answers, compared as strings after the dataset's normaliser.

In the closed track the candidates of a dataset are the answers of its train part; in the open track the dataset's own list
stands behind them. An answer of a test question that is not among them is `OUTSIDE`: a true answer that nobody can give.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvl_bench.config import BenchmarkConfig
from clvl_bench.config.questions import QuestionsConfig
from clvl_bench.datasets import NORMALISERS, Candidate, VqaDataset
from clvl_bench.errors import Mistake
from clvl_bench.randomness import rng, seed_of
from clvl_bench.readers.question_split import Question, QuestionSplit
from clvl_bench.streams.part import Part
from clvl_bench.streams.plan import Plan, Step, labels_of, make_plan
from clvl_bench.streams.samples import of
from clvl_bench.streams.shape import Ids
from clvl_bench.streams.truth import OUTSIDE

Belongs = Callable[[Question, int], bool]
"""Whether a question, whose answer has this place in the table, is met in an experience."""


@dataclass(frozen=True)
class Group:
    """The questions of one experience: of which dataset, what tables call them, which ones, and the values that it joins."""

    dataset: str
    name: str
    holds: Belongs
    values: tuple[str, ...] = ()


def plan_of(config: BenchmarkConfig, parts: Sequence[Part]) -> tuple[Plan, NDArray[np.int64]]:
    """The plan of a benchmark of either kind, and its truth [samples]."""
    if config.questions is None:
        return make_plan(config, parts)
    return question_plan(config, config.questions, parts)


def question_plan(config: BenchmarkConfig, questions: QuestionsConfig, parts: Sequence[Part]) -> tuple[Plan, NDArray[np.int64]]:
    """The plan of a stream of questions, and its truth: the place of each sample's answer in the table, or OUTSIDE.

    Raises:
        Mistake: an experience has no questions to learn from or to be tested on.
    """
    table, places = answer_table(config, questions, parts)
    truth = np.concatenate([_places(part, places[part.dataset.name]) for part in parts])
    train, valid, test = [], [], []
    for index, group in enumerate(groups(config, questions, places)):
        learned = _held(of(parts, group.dataset, "train"), truth, _trainable(group.holds, questions))
        held_back = _held_back(of(parts, group.dataset, "train"), learned, fraction=config.valid_fraction)
        tested = _held(of(parts, group.dataset, "test"), truth, group.holds)
        if not len(learned[~held_back]) or not len(tested):
            raise Mistake(
                f"questions: the experience {group.name} has no questions to learn from or to be tested on; join groups"
            )
        classes = tuple(np.unique(truth[learned[~held_back]]).tolist())
        train.append(Step("train", index, group.name, classes, learned[~held_back]))
        valid.append(Step("valid", index, group.name, classes, learned[held_back]))
        test.append(Step("test", index, group.name, classes, tested))
    zeroshot = [
        Step("zeroshot", index, name, tuple(places[name].values()), _all(of(parts, name, "test")))
        for index, name in enumerate(config.zeroshot)
    ]
    streams = {"train": tuple(train), "valid": tuple(valid), "test": tuple(test), "zeroshot": tuple(zeroshot)}
    if config.reference is not None:
        name = config.reference
        streams["reference"] = (Step("reference", 0, name, tuple(places[name].values()), _all(of(parts, name, "train"))),)
    tasks = np.concatenate([np.full(len(part.data), config.named.index(part.dataset.name)) for part in parts])
    task_classes = tuple(tuple(places[name].values()) for name in config.named)
    return Plan(config.label_space, table, streams, tasks.astype(np.int64), task_classes), truth.astype(np.int64)


def answer_table(
    config: BenchmarkConfig, questions: QuestionsConfig, parts: Sequence[Part]
) -> tuple[tuple[Candidate, ...], dict[str, dict[str, int]]]:
    """The candidates, and for each dataset the place of each string that counts as one of its answers.

    Datasets of the stream share the candidates of equal strings. Held-out datasets and the reference keep candidates of their
    own: classes under their templates, or, for questions, the open list.
    """
    rows: dict[tuple[str, str], Candidate] = {}
    places: dict[str, dict[str, int]] = {}
    for name in config.named:
        dataset, stream = config.declared(name), name in config.datasets
        if isinstance(dataset, VqaDataset):
            normalise = NORMALISERS[dataset.normaliser]
            known = [each.answer for each in _questions(of(parts, name, "train"))] if stream else []
            listed = dataset.open_answers if questions.track == "open" or not stream else ()
            labels = list(dict.fromkeys(normalise(answer) for answer in (*sorted(known), *listed)))
            templates: tuple[str, ...] = (dataset.template,)
        else:
            labels, templates = list(dataset.classes), dataset.templates
        for label in labels:
            rows.setdefault(("" if stream else name, label), Candidate(label, name, templates))
        order = {key: place for place, key in enumerate(rows)}
        places[name] = {label: order["" if stream else name, label] for label in labels}
    return tuple(rows.values()), places


def groups(config: BenchmarkConfig, questions: QuestionsConfig, places: dict[str, dict[str, int]]) -> list[Group]:
    """The experiences in their order; with a class_order_seed other than 0 those of each dataset are shuffled."""
    seed = config.class_order_seed
    found: list[Group] = []
    for name in config.datasets:
        if questions.by == "dataset":
            found.append(Group(name, name, lambda question, place: True))
        elif questions.by == "answer":
            found += _by_answer(name, questions, seed, places[name])
        else:
            found += _by_property(config.asked(name), questions, seed)
    return found


def _by_property(dataset: VqaDataset, questions: QuestionsConfig, seed: int) -> list[Group]:
    """One experience for each group of values of `by`, or for each of its concepts."""
    assert questions.by != "dataset"
    assert questions.by != "answer"
    values = questions.groups or tuple((value,) for value in dataset.values[questions.by])
    skills = [Group(dataset.name, f"{dataset.name}/{'+'.join(group)}", _has(questions.by, group), group) for group in values]
    if seed:
        skills = [skills[row] for row in rng("question order", seed).permutation(len(skills))]
    if questions.concepts == "together":
        return skills
    assert questions.concept is not None
    concepts = dataset.values[questions.concept]
    return [each for skill in skills for each in _concept_by_concept(skill, concepts, questions, seed)]


def _concept_by_concept(skill: Group, concepts: Sequence[str], questions: QuestionsConfig, seed: int) -> list[Group]:
    """The inner loop of Zhang et al. 2023 (VQACL): the concepts of a skill one after the other, in an order of its own.

    With the last one come the questions that name no concept, or one that this skill is never trained on.
    """
    learned = [each for each in concepts if any((value, each) not in questions.held_out for value in skill.values)]
    if not learned:
        return [skill]
    order = [learned[row] for row in rng("concept order", seed, skill.name).permutation(len(learned))]

    def holds(concept: str) -> Belongs:
        others = set(order) - {concept}
        last = concept == order[-1]
        return lambda question, place: (
            skill.holds(question, place)
            and (_concept(question, questions) == concept or (last and _concept(question, questions) not in others))
        )

    return [Group(skill.dataset, f"{skill.name} {concept}", holds(concept), skill.values) for concept in order]


def _concept(question: Question, questions: QuestionsConfig) -> str:
    assert questions.concept is not None
    return str(getattr(question, questions.concept))


def _trainable(holds: Belongs, questions: QuestionsConfig) -> Belongs:
    """All questions of a group but those of the held-out combinations."""
    return lambda question, place: holds(question, place) and not held_out(question, questions)


def held_out(question: Question, questions: QuestionsConfig) -> bool:
    """Whether a question is of a combination of skill and concept that is never trained on (the novel composition test
    of Zhang et al. 2023, VQACL: a novel visual question answering continual learning setting, CVPR)."""
    if questions.concept is None:
        return False
    return (getattr(question, questions.by), _concept(question, questions)) in questions.held_out


def _has(field: str, values: Sequence[str]) -> Belongs:
    return lambda question, place: getattr(question, field) in values


def _by_answer(name: str, questions: QuestionsConfig, seed: int, places: dict[str, int]) -> list[Group]:
    """Equal parts of the answers, shuffled; a question whose answer is outside them falls to a part by its own words."""
    count = questions.experiences or 1
    order = rng("answer order", seed).permutation(sorted(places.values())).tolist()
    part = {place: rank * count // len(order) for rank, place in enumerate(order)}

    def holds(number: int) -> Belongs:
        return lambda question, place: part.get(place, seed_of("outside", question.image, question.question) % count) == number

    return [Group(name, f"{name}/answers {number + 1} of {count}", holds(number)) for number in range(count)]


def _questions(part: Part) -> tuple[Question, ...]:
    assert isinstance(part.data, QuestionSplit)
    return part.data.questions


def _places(part: Part, places: dict[str, int]) -> NDArray[np.int64]:
    if not isinstance(part.dataset, VqaDataset):
        return np.array(list(places.values()), dtype=np.int64)[labels_of(part)]
    normalise = NORMALISERS[part.dataset.normaliser]
    return np.array([places.get(normalise(each.answer), OUTSIDE) for each in _questions(part)], dtype=np.int64)


def _held(part: Part, truth: NDArray[np.int64], holds: Belongs) -> Ids:
    ids = _all(part)
    places = truth[ids].tolist()
    mask = [holds(question, place) for question, place in zip(_questions(part), places, strict=True)]
    return ids[np.array(mask, dtype=np.bool_)]


def _held_back(part: Part, ids: Ids, *, fraction: float) -> NDArray[np.bool_]:
    """The validation share: all questions about some images, drawn by content."""
    assert isinstance(part.data, QuestionSplit)
    identities = part.data.images.hashes or part.data.images.keys
    drawn = np.array([seed_of("valid questions", identity) / 2**63 < fraction for identity in identities])
    mask: NDArray[np.bool_] = drawn[part.data.image_rows[ids - part.start]]
    return mask


def _all(part: Part) -> Ids:
    return np.arange(part.start, part.start + len(part.data), dtype=np.int64)
