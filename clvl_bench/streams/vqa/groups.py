"""Groups of questions: which question is met in which experience, and which questions are tested
and never trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clvl_bench.core.rng import rng, seed_of
from clvl_bench.data.catalog.vqa import NONE, Property, VqaDataset
from clvl_bench.data.readers.question_split import Question
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.vqa.config import QuestionsConfig


@dataclass(frozen=True)
class QuestionGroup:
    """The questions of one experience: here all of a dataset's. `name` is what tables call it."""

    dataset: str
    name: str

    def holds(self, question: Question, class_id: int) -> bool:
        """Whether a question, whose answer has this class id, is met in the experience."""
        return True


@dataclass(frozen=True)
class PropertyGroup(QuestionGroup):
    """Questions with one of some values of a property, such as their type."""

    field: str
    values: tuple[str, ...]

    def holds(self, question: Question, class_id: int) -> bool:
        return getattr(question, self.field) in self.values


@dataclass(frozen=True)
class ConceptGroup(QuestionGroup):
    """The questions of a skill that name one concept; with the last concept come those that name
    none of the skill's, too.
    """

    skill: PropertyGroup
    concept: str
    all_concepts: tuple[str, ...]
    questions: QuestionsConfig

    def holds(self, question: Question, class_id: int) -> bool:
        if not self.skill.holds(question, class_id):
            return False
        concept = _concept(question, self.questions)
        if concept in self.all_concepts:
            return concept == self.concept
        return self.concept == self.all_concepts[-1]


@dataclass(frozen=True)
class AnswerGroup(QuestionGroup):
    """Questions whose answers are in one of several equal parts of a dataset's answers."""

    number: int
    count: int
    part_of_answer: Mapping[int, int]

    def holds(self, question: Question, class_id: int) -> bool:
        if class_id in self.part_of_answer:
            return self.part_of_answer[class_id] == self.number
        # The true answer is no candidate, so no part has it. The question must be tested all the
        # same, in one experience: its own words choose which.
        return seed_of("outside", question.image, question.question) % self.count == self.number


def question_groups(
    config: BenchmarkConfig,
    questions: QuestionsConfig,
    class_ids: Mapping[str, Mapping[str, int]],
    asked: Mapping[str, Sequence[Question]],
) -> list[QuestionGroup]:
    """The experiences in their order; with a class_order_seed other than 0 those of each dataset
    are shuffled.

    Args:
        class_ids: for each dataset the class id of each of its answers.
        asked: for each dataset the questions of its train part.
    """
    seed = config.class_order_seed
    groups: list[QuestionGroup] = []
    for name in config.datasets:
        if questions.by == "dataset":
            groups.append(QuestionGroup(name, name))
        elif questions.by == "answer":
            groups += _by_answer(name, questions, seed, class_ids[name])
        else:
            dataset = config.questions_of(name)
            groups += _by_property(dataset, questions, seed, asked.get(name, ()))
    return groups


def is_held_out(question: Question, questions: QuestionsConfig) -> bool:
    """Whether a question is of a combination of skill and concept that is never trained on (the
    novel composition test of Zhang et al. 2023, VQACL: a novel visual question answering continual
    learning setting, CVPR).
    """
    if questions.concept is None:
        return False
    skill = getattr(question, questions.by)
    return (skill, _concept(question, questions)) in questions.held_out


def _by_property(
    dataset: VqaDataset, questions: QuestionsConfig, seed: int, asked: Sequence[Question]
) -> Sequence[QuestionGroup]:
    """One experience for each group of values of `by`, or for each of its concepts."""
    assert questions.by != "dataset"
    assert questions.by != "answer"
    values_of_groups = questions.groups
    if not values_of_groups:
        values_of_groups = tuple((value,) for value in _values(dataset, questions.by, asked))
    skills = []
    for values in values_of_groups:
        name = f"{dataset.name}/{'+'.join(values)}"
        skills.append(PropertyGroup(dataset.name, name, questions.by, values))
    if seed:
        skills = [skills[row] for row in rng("question order", seed).permutation(len(skills))]
    if questions.concepts == "together":
        return skills
    assert questions.concept is not None
    groups: list[QuestionGroup] = []
    concepts = _values(dataset, questions.concept, asked)
    for skill in skills:
        groups += _concept_by_concept(skill, concepts, questions, seed)
    return groups


def _values(dataset: VqaDataset, name: Property, asked: Sequence[Question]) -> tuple[str, ...]:
    """The values of a property as declared, or where none are, those of the questions."""
    found = {str(getattr(each, name)) for each in asked} - {NONE}
    return dataset.values.get(name) or tuple(sorted(found))


def _concept_by_concept(
    skill: PropertyGroup, concepts: Sequence[str], questions: QuestionsConfig, seed: int
) -> Sequence[QuestionGroup]:
    """The inner loop of Zhang et al. 2023 (VQACL): the concepts of a skill one after the other, in
    an order of its own.

    With the last one come the questions that name no concept, or one that this skill is never
    trained on.
    """
    trained = []
    for concept in concepts:
        combinations = {(value, concept) for value in skill.values}
        if not combinations <= set(questions.held_out):
            trained.append(concept)
    if not trained:
        return [skill]
    generator = rng("concept order", seed, skill.name)
    order = tuple(trained[row] for row in generator.permutation(len(trained)))
    groups = []
    for concept in order:
        name = f"{skill.name} {concept}"
        groups.append(ConceptGroup(skill.dataset, name, skill, concept, order, questions))
    return groups


def _concept(question: Question, questions: QuestionsConfig) -> str:
    assert questions.concept is not None
    return str(getattr(question, questions.concept))


def _by_answer(
    name: str, questions: QuestionsConfig, seed: int, class_ids: Mapping[str, int]
) -> list[AnswerGroup]:
    """Equal parts of the answers, shuffled."""
    count = questions.experiences or 1
    order = rng("answer order", seed).permutation(sorted(class_ids.values())).tolist()
    part_of_answer = {class_id: rank * count // len(order) for rank, class_id in enumerate(order)}
    groups = []
    for number in range(count):
        title = f"{name}/answers {number + 1} of {count}"
        groups.append(AnswerGroup(name, title, number, count, part_of_answer))
    return groups
