"""What a benchmark file may say: which datasets, cut how, in which order, in which label space."""

import itertools
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.core.errors import ClvlError, unknown
from clvl_bench.core.schema import Schema, Since
from clvl_bench.data.catalog import listing as datasets
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.declaration import localised as localised_dataset
from clvl_bench.data.catalog.overlay import overlaid
from clvl_bench.data.catalog.prompts import prompts_of
from clvl_bench.data.catalog.sources import PrecomputedSource
from clvl_bench.data.catalog.vqa import Property, VqaDataset, overlaid_questions
from clvl_bench.metrics.samples import FURTHER, SAMPLE_METRICS
from clvl_bench.streams.online_config import Online
from clvl_bench.streams.supervision import Supervision
from clvl_bench.streams.vqa.config import QuestionsConfig

PAINTED = ("toy", "toy_questions")
"""The kinds of sources whose pictures a program paints."""

LabelSpace = Literal["seen", "dataset", "all"]
ClassOrderDraw = Literal["suite", "numpy"]
"""Whose shuffle of the classes a seed stands for: the suite's own, which depends on nothing but the
seed, or that of `numpy.random.RandomState(seed).permutation`, by which class-incremental papers
state their orders (seed 1993: iCaRL, PyCIL, PROOF)."""


class BenchmarkConfig(Schema):
    """Which streams there are.

    `dataset` declares datasets of the user's own, under names that the lists then use; under the
    name of one of the suite's, a table is laid over its declaration. Tables of question datasets
    stand among them in a file and are kept in `question_dataset`.
    """

    version: Literal[1]
    scenario: Literal[
        "class_incremental", "domain_incremental", "joint", "question_incremental"
    ] = Field(
        description="classes arrive in groups; each dataset is one experience; everything is one "
        "experience; questions arrive in groups"
    )
    datasets: tuple[str, ...] = Field(min_length=1)
    classes_per_experience: tuple[int, ...] = Field(
        (), description="class_incremental: how many classes arrive each time"
    )
    class_order_seed: int = Field(
        0, ge=0, description="class_incremental: which shuffle of the classes"
    )
    class_order_draw: Annotated[ClassOrderDraw, Since(before="suite")] = Field(
        "suite", description="class_incremental: whose shuffle that is: ours, or the literature's"
    )
    label_space: LabelSpace = Field(
        description="among which classes logits are compared when testing"
    )
    valid_fraction: float = Field(
        0.1, ge=0, lt=1, description="share of the training samples for the stream valid"
    )
    shots: int | None = Field(
        None, ge=1, description="few-shot: at most this many training samples a class"
    )
    imbalance: float = Field(
        1.0,
        ge=1,
        description="long-tailed: how many times fewer samples the last class has than the first",
    )
    blurry: float = Field(
        0.0,
        ge=0,
        le=1,
        description="class_incremental: share of an experience's samples dealt to the others",
    )
    repeats: int = Field(
        1,
        ge=1,
        description="class_incremental: how often every class comes, each time with other samples",
    )
    draw_seed: int = Field(0, ge=0, description="which samples shots, imbalance and blurry draw")
    zeroshot: tuple[str, ...] = Field(
        (), description="held-out datasets: tested after each experience, never trained on"
    )
    reference: str | None = Field(
        None, description="a dataset whose train images, without labels, distillation may use"
    )
    memory_budget: int | None = Field(
        None, ge=0, description="bytes that a strategy may keep between experiences, in all"
    )
    prompts: str | None = Field(
        None, description="the prompt set for all datasets of the suite, if not the declared one"
    )
    questions: QuestionsConfig | None = Field(
        None, description="question_incremental: how the questions are cut"
    )
    supervision: Supervision = Field(
        Supervision(), description="which labels reach the learner, when, and as what"
    )
    online: Online | None = Field(
        None, description="one pass in steps of a few samples, instead of experiences as a whole"
    )
    metrics: Annotated[tuple[str, ...], Since(before=())] = Field(
        (), description="metrics of samples that are recorded beside the accuracy, as auc or ece"
    )
    dataset: dict[str, ImageDataset] = {}
    question_dataset: dict[str, VqaDataset] = {}

    @model_validator(mode="before")
    @classmethod
    def _lay_tables_over_declarations(cls, content: Any) -> Any:
        if not isinstance(content, dict) or not isinstance(content.get("dataset"), dict):
            return content
        of_images = {}
        of_questions = {}
        for name, table in content["dataset"].items():
            if _declares_questions(name, table):
                of_questions[name] = _whole_question_table(name, table)
            else:
                of_images[name] = _whole_image_table(name, table, content.get("prompts"))
        content = {**content, "dataset": of_images}
        if of_questions:
            content["question_dataset"] = of_questions
        return content

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for name in (*self.dataset, *self.question_dataset):
            if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
                raise ValueError(
                    f"dataset: got the name '{name}'; a name holds letters, digits, _ . - and "
                    f"begins with one of the first two"
                )
        known = [*self.dataset, *self.question_dataset, *datasets.NAMES]
        for field in ("datasets", "zeroshot"):
            for name in getattr(self, field):
                if name not in known:
                    raise ValueError(f"{field}: {unknown('dataset', name, known)}")
        if self.reference is not None and self.reference not in known:
            raise ValueError(f"reference: {unknown('dataset', self.reference, known)}")
        return self

    @model_validator(mode="after")
    def _datasets_fit(self) -> Self:
        if self.reference in (*self.datasets, *self.zeroshot):
            raise ValueError(
                f"reference: '{self.reference}' is also in datasets or zeroshot; it would be "
                f"judged by what it saw"
            )
        both = sorted(set(self.datasets) & set(self.zeroshot))
        if both:
            raise ValueError(
                f"zeroshot: '{both[0]}' is also in datasets; a held-out dataset is never trained on"
            )
        if len(set(self.datasets)) < len(self.datasets):
            raise ValueError(f"datasets: got {list(self.datasets)}; each dataset may stand once")
        for name in self.named:
            if isinstance(self.declared(name), VqaDataset):
                continue
            if self.prompts is not None and name not in self.dataset:
                prompts_of(self.prompts, datasets.find(name).known_as)
            if not self.images(name).classes:
                raise ValueError(
                    f"dataset.{name}: has no classes; add classes = [...] in the order of the "
                    f"labels"
                )
        return self

    @model_validator(mode="after")
    def _questions_fit(self) -> Self:
        if (self.scenario == "question_incremental") != (self.questions is not None):
            raise ValueError(
                'questions: goes with scenario = "question_incremental", and only with it'
            )
        of_questions = [name for name in self.named if isinstance(self.declared(name), VqaDataset)]
        if self.questions is None:
            if of_questions:
                raise ValueError(
                    f"datasets: '{of_questions[0]}' is a dataset of questions; set scenario = "
                    f'"question_incremental"'
                )
            return self
        for name in self.datasets:
            if name not in of_questions:
                raise ValueError(
                    f"datasets: '{name}' has images without questions; it may stand in zeroshot"
                )
        if self.reference in of_questions:
            raise ValueError(
                f"reference: '{self.reference}' is a dataset of questions; name one of images"
            )
        for name in self.datasets:
            _split_fits(self.questions_of(name), self.questions)
        # Candidates come from the train split in the closed track alone, and a held-out dataset
        # has none: everywhere else a list is needed.
        for name in of_questions:
            held_out = name not in self.datasets
            needs_list = held_out or self.questions.track == "open"
            if needs_list and not self.questions_of(name).open_answers:
                why = "is held out" if held_out else "is in the open track"
                raise ValueError(
                    f"{name}: {why} and has no list of open candidates; add answers = [...] to its "
                    f"table"
                )
        return self

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        sizes = self.classes_per_experience
        if not self.has_class_order:
            if sizes:
                raise ValueError(
                    f"classes_per_experience: is for class_incremental, not for {self.scenario}; "
                    f"remove it"
                )
            return self
        if any(size < 1 for size in sizes):
            raise ValueError(f"classes_per_experience: got {list(sizes)}; each size is at least 1")
        counts = [len(self.images(name).classes) for name in self.datasets]
        if sum(sizes) != sum(counts):
            example = list(itertools.chain.from_iterable(map(_example_sizes, counts)))
            raise ValueError(
                f"classes_per_experience sums to {sum(sizes)}, but {' + '.join(self.datasets)} has "
                f"{sum(counts)} classes. Use sizes that sum to {sum(counts)}, for example "
                f"{example}."
            )
        ends = set(itertools.accumulate(sizes))
        for name, end in zip(self.datasets, itertools.accumulate(counts), strict=True):
            if end not in ends:
                raise ValueError(
                    f"classes_per_experience: an experience has classes of {name} and of the "
                    f"dataset behind it; let sizes sum to {end} up to the end of {name}"
                )
        return self

    @model_validator(mode="after")
    def _shape_fits(self) -> Self:
        if not self.has_class_order:
            for field in ("blurry", "repeats", "class_order_draw"):
                if self._is_set(field):
                    raise ValueError(
                        f"{field}: is for class_incremental, not for {self.scenario}; remove it"
                    )
        if self.scenario == "question_incremental":
            for field in ("shots", "imbalance"):
                if self._is_set(field):
                    raise ValueError(f"{field}: is for classes, not for {self.scenario}; remove it")
        return self

    @model_validator(mode="after")
    def _supervision_fits(self) -> Self:
        kind = self.supervision.kind
        counts_steps = self.supervision.late or kind in ("delay", "reward")
        if self.online is None and counts_steps:
            raise ValueError(
                f"supervision: kind '{kind}' counts steps of an online stream; add a table [online]"
            )
        if self.online is not None and self.scenario == "joint":
            raise ValueError(
                "online: is for a stream, and scenario 'joint' is one experience; choose another "
                "scenario"
            )
        return self

    @model_validator(mode="after")
    def _metrics_fit(self) -> Self:
        for name in self.metrics:
            if name not in FURTHER:
                raise ValueError(f"metrics: {unknown('metric', name, FURTHER)}")
            if SAMPLE_METRICS[name].two_classes and not self.has_two_candidates:
                of_any = [each for each in FURTHER if not SAMPLE_METRICS[each].two_classes]
                raise ValueError(
                    f"metrics: '{name}' is of two classes, and needs a stream whose samples have "
                    f"the same two candidates in the same order; of any number are "
                    f"{', '.join(of_any)}"
                )
        if len(set(self.metrics)) < len(self.metrics):
            raise ValueError(f"metrics: got {list(self.metrics)}; each metric may stand once")
        return self

    @property
    def has_class_order(self) -> bool:
        """Whether classes arrive in groups, whose order a seed draws."""
        return self.scenario == "class_incremental"

    @property
    def has_two_candidates(self) -> bool:
        """Whether every test sample of the stream is scored among two classes, one of which is the
        second in each dataset that has it.

        Names decide, so that two datasets with the same classes in another order have none: what is
        positive in one would be negative in the other.
        """
        if self.questions is not None or any(size != 2 for size in self.classes_per_experience):
            return False
        found = [self.images(name).classes for name in self.datasets]
        if any(len(classes) != 2 for classes in found):
            return False
        firsts = {classes[0] for classes in found}
        seconds = {classes[1] for classes in found}
        known = self.label_space == "dataset" and self.scenario != "joint"
        return not firsts & seconds and (known or len(firsts | seconds) == 2)

    def _is_set(self, field: str) -> bool:
        """Whether a field says something other than its default."""
        default: object = type(self).model_fields[field].default
        return bool(getattr(self, field) != default)

    def sizes_of(self, name: str) -> tuple[int, ...]:
        """classes_per_experience, the part that belongs to one of the datasets."""
        before = self.datasets[: self.datasets.index(name)]
        start = sum(len(self.images(each).classes) for each in before)
        stop = start + len(self.images(name).classes)
        sizes = []
        # The sizes count through the classes of all datasets, one behind the other.
        ends = itertools.accumulate(self.classes_per_experience)
        for size, end in zip(self.classes_per_experience, ends, strict=True):
            if start < end <= stop:
                sizes.append(size)
        return tuple(sizes)

    @property
    def named(self) -> tuple[str, ...]:
        """All its datasets: those of the stream, the held-out ones, the reference."""
        if self.reference is None:
            return (*self.datasets, *self.zeroshot)
        return (*self.datasets, *self.zeroshot, self.reference)

    @property
    def splits(self) -> tuple[tuple[str, str], ...]:
        """Dataset and split of all that is read: train and test of the stream's, test of the
        held-out ones, the reference's train split.
        """
        read = list(itertools.product(self.datasets, ("train", "test")))
        read += [(name, "test") for name in self.zeroshot]
        if self.reference is not None:
            read.append((self.reference, "train"))
        return tuple(read)

    def declared(self, name: str) -> ImageDataset | VqaDataset:
        """The declaration behind a name: the user's own, or one of the suite's with the prompts of
        this benchmark.
        """
        if name in self.dataset:
            return self.dataset[name]
        if name in self.question_dataset:
            return self.question_dataset[name]
        return self.declared_by_suite(name)

    def declared_by_suite(self, name: str) -> ImageDataset | VqaDataset:
        """The suite's declaration, with the prompts of this benchmark, whatever a table of the
        user's own lays over it.
        """
        if name in datasets.QUESTION_NAMES:
            return datasets.find_questions(name)
        declared = datasets.find(name)
        if self.prompts in (None, declared.prompts):
            return declared
        return ImageDataset.model_validate(overlaid(declared, {"prompts": self.prompts}))

    @property
    def is_painted(self) -> bool:
        """Whether everything that is tested on was painted by the suite, so that its pictures are
        nobody's. A name alone is not enough: a user may lay a copy of his own below any name.
        """
        tested = (*self.datasets, *self.zeroshot)
        return all(self.declared(name).source.kind in PAINTED for name in tested)

    @property
    def is_precomputed(self) -> bool:
        """Whether features of some backbone come with the data: no tower is loaded for these."""
        sources = (self.declared(name).source for name in self.named)
        return any(isinstance(each, PrecomputedSource) for each in sources)

    def images(self, name: str) -> ImageDataset:
        """The declaration behind the name of a dataset of images with classes."""
        declared = self.declared(name)
        assert isinstance(declared, ImageDataset)
        return declared

    def questions_of(self, name: str) -> VqaDataset:
        """The declaration behind the name of a dataset of questions."""
        declared = self.declared(name)
        assert isinstance(declared, VqaDataset)
        return declared


def localised(content: Any, *, base: Path) -> Any:
    """A benchmark file's content with the paths of its own datasets made absolute (they count from
    the file's folder).
    """
    if not isinstance(content, dict) or not isinstance(content.get("dataset"), dict):
        return content
    own = {}
    for name, table in content["dataset"].items():
        try:
            own[name] = localised_dataset(table, base=base, declared=name in datasets.NAMES)
        except ValueError as error:
            raise ValueError(f"dataset.{name}.{error}") from None
        except ClvlError as error:  # of data whose classes were looked for
            raise type(error)(f"dataset.{name}.{error}") from None
    return {**content, "dataset": own}


def _whole_image_table(name: str, table: Any, prompts: str | None) -> Any:
    """A dataset's table with its name and, where the suite has one of that name, with all that is
    declared of it.
    """
    if not isinstance(table, dict):
        return table
    if name in datasets.NAMES:
        # The benchmark's prompt set is for all datasets of the suite, but a table that has words of
        # its own keeps them.
        has_own_words = {"prompts", "classes", "templates"} & set(table)
        if prompts is not None and not has_own_words:
            table = {"prompts": prompts, **table}
        table = overlaid(datasets.find(name), table)
    return {**table, "name": name}


def _declares_questions(name: str, table: Any) -> bool:
    """Whether a table declares questions: by the name of one of the suite's, or by the kind of its
    source.
    """
    if name in datasets.QUESTION_NAMES:
        return True
    source = table.get("source") if isinstance(table, dict) else None
    return isinstance(source, dict) and source.get("kind") in datasets.QUESTION_KINDS


def _whole_question_table(name: str, table: Any) -> Any:
    """The same of a dataset of questions."""
    if not isinstance(table, dict):
        return table
    if name in datasets.QUESTION_NAMES:
        table = overlaid_questions(datasets.find_questions(name), table)
    return {**table, "name": name}


def _split_fits(dataset: VqaDataset, questions: QuestionsConfig) -> None:
    """The dataset has the named split, candidates for the track, and the values that the stream is
    cut by.
    """
    if questions.split not in dataset.partitions:
        says = unknown(f"split of {dataset.name}", questions.split, dataset.partitions)
        raise ValueError(f"questions.split: {says}")
    if questions.by == "dataset" or questions.by == "answer":
        return
    if not dataset.says(questions.by):
        raise ValueError(
            f"questions.by: {dataset.name} does not say the {questions.by} of its questions"
        )
    # Where none are declared, those of the data count, which are not read yet.
    values = dataset.values.get(questions.by, ())
    for value in itertools.chain.from_iterable(questions.groups):
        if values and value not in values:
            raise ValueError(f"questions.groups: {unknown(questions.by, value, values)}")
    if questions.concept is not None:
        _combinations_fit(dataset, questions.concept, questions, values)


def _combinations_fit(
    dataset: VqaDataset, concept: Property, questions: QuestionsConfig, skills: tuple[str, ...]
) -> None:
    """The held-out combinations are of values that the dataset has."""
    concepts = dataset.values.get(concept, ())
    if not dataset.says(concept):
        raise ValueError(
            f"questions.concept: {dataset.name} does not say the {concept} of its questions"
        )
    for held_out_skill, held_out_concept in questions.held_out:
        if skills and held_out_skill not in skills:
            says = unknown(questions.by, held_out_skill, skills)
            raise ValueError(f"questions.held_out: {says}")
        if concepts and held_out_concept not in concepts:
            says = unknown(concept, held_out_concept, concepts)
            raise ValueError(f"questions.held_out: {says}")


def _example_sizes(classes: int) -> list[int]:
    """Sizes that would do: twos, and a three where the number is odd."""
    if classes < 4:
        return [classes]
    odd = classes % 2
    return [2] * (classes // 2 - odd) + [3] * odd
