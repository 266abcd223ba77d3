"""Groups of questions: which question is met in which experience, and which is tested and never
trained on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clvl_bench.core.rng import rng, seed_of
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.question_split import Question
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.vqa.config import QuestionsConfig

Belongs = Callable[[Question, int], bool]
"""Whether a question, whose answer has this place in the table, is met in an experience."""


@dataclass(frozen=True)
class QuestionGroup:
    """The questions of one experience: of which dataset, what tables call them, which ones, and the
    values that it joins.
    """

    dataset: str
    name: str
    holds: Belongs
    values: tuple[str, ...] = ()


def question_groups(
    config: BenchmarkConfig, questions: QuestionsConfig, places: dict[str, dict[str, int]]
) -> list[QuestionGroup]:
    """The experiences in their order; with a class_order_seed other than 0 those of each dataset
    are shuffled.
    """
    seed = config.class_order_seed
    found: list[QuestionGroup] = []
    for name in config.datasets:
        if questions.by == "dataset":
            found.append(QuestionGroup(name, name, lambda question, place: True))
        elif questions.by == "answer":
            found += _by_answer(name, questions, seed, places[name])
        else:
            found += _by_property(config.questions_of(name), questions, seed)
    return found


def _by_property(dataset: VqaDataset, questions: QuestionsConfig, seed: int) -> list[QuestionGroup]:
    """One experience for each group of values of `by`, or for each of its concepts."""
    assert questions.by != "dataset"
    assert questions.by != "answer"
    values = questions.groups or tuple((value,) for value in dataset.values[questions.by])
    skills = [
        QuestionGroup(
            dataset.name, f"{dataset.name}/{'+'.join(group)}", _has(questions.by, group), group
        )
        for group in values
    ]
    if seed:
        skills = [skills[row] for row in rng("question order", seed).permutation(len(skills))]
    if questions.concepts == "together":
        return skills
    assert questions.concept is not None
    concepts = dataset.values[questions.concept]
    return [
        each for skill in skills for each in _concept_by_concept(skill, concepts, questions, seed)
    ]


def _concept_by_concept(
    skill: QuestionGroup, concepts: Sequence[str], questions: QuestionsConfig, seed: int
) -> list[QuestionGroup]:
    """The inner loop of Zhang et al. 2023 (VQACL): the concepts of a skill one after the other, in
    an order of its own.

    With the last one come the questions that name no concept, or one that this skill is never
    trained on.
    """
    learned = [
        each
        for each in concepts
        if any((value, each) not in questions.held_out for value in skill.values)
    ]
    if not learned:
        return [skill]
    order = [
        learned[row] for row in rng("concept order", seed, skill.name).permutation(len(learned))
    ]

    def holds(concept: str) -> Belongs:
        others = set(order) - {concept}
        last = concept == order[-1]
        return lambda question, place: (
            skill.holds(question, place)
            and (
                _concept(question, questions) == concept
                or (last and _concept(question, questions) not in others)
            )
        )

    return [
        QuestionGroup(skill.dataset, f"{skill.name} {concept}", holds(concept), skill.values)
        for concept in order
    ]


def _concept(question: Question, questions: QuestionsConfig) -> str:
    assert questions.concept is not None
    return str(getattr(question, questions.concept))


def trainable(holds: Belongs, questions: QuestionsConfig) -> Belongs:
    """All questions of a group but those of the held-out combinations."""
    return lambda question, place: holds(question, place) and not held_out(question, questions)


def held_out(question: Question, questions: QuestionsConfig) -> bool:
    """Whether a question is of a combination of skill and concept that is never trained on (the
    novel composition test of Zhang et al. 2023, VQACL: a novel visual question answering continual
    learning setting, CVPR).
    """
    if questions.concept is None:
        return False
    return (getattr(question, questions.by), _concept(question, questions)) in questions.held_out


def _has(field: str, values: Sequence[str]) -> Belongs:
    return lambda question, place: getattr(question, field) in values


def _by_answer(
    name: str, questions: QuestionsConfig, seed: int, places: dict[str, int]
) -> list[QuestionGroup]:
    """Equal parts of the answers, shuffled; a question whose answer is outside them falls to a part
    by its own words.
    """
    count = questions.experiences or 1
    order = rng("answer order", seed).permutation(sorted(places.values())).tolist()
    part = {place: rank * count // len(order) for rank, place in enumerate(order)}

    def holds(number: int) -> Belongs:
        return lambda question, place: (
            part.get(place, seed_of("outside", question.image, question.question) % count) == number
        )

    return [
        QuestionGroup(name, f"{name}/answers {number + 1} of {count}", holds(number))
        for number in range(count)
    ]
