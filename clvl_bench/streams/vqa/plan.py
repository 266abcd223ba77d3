"""Question plan: the plan of a stream of questions. Its classes are answers, compared as strings
after the dataset's normaliser.

The track of a benchmark says which answers are candidates. Closed track: the answers that occur in
the dataset's train split. Open track: these, and behind them a list that the dataset declares. A
test question may have an answer that is no candidate; its label is OUTSIDE, which no prediction
equals.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Mistake
from clvl_bench.core.rng import seed_of
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.normalisers import NORMALISERS
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.label_store import OUTSIDE
from clvl_bench.streams.plan import ExperienceSpec, Plan, assemble
from clvl_bench.streams.reading import find_slice
from clvl_bench.streams.split_slice import Ids, Labels, SplitSlice
from clvl_bench.streams.vqa.config import QuestionsConfig
from clvl_bench.streams.vqa.groups import QuestionGroup, is_held_out, question_groups


def make_question_plan(
    config: BenchmarkConfig, questions: QuestionsConfig, slices: Sequence[SplitSlice]
) -> tuple[Plan, Labels]:
    """The plan of a stream of questions, and the label of every sample [samples]: the class id of
    its answer, or OUTSIDE.

    Raises:
        Mistake: an experience has no questions to learn from or to be tested on.
    """
    classes, class_ids = number_answers(config, questions, slices)
    labels = np.concatenate([_labels(each, class_ids[each.dataset.name]) for each in slices])
    streams: dict[str, list[ExperienceSpec]] = {"train": [], "valid": [], "test": []}
    asked = {}
    for each in slices:
        if each.split == "train" and isinstance(each.data, QuestionSplit):
            asked[each.dataset.name] = each.data.questions
    for index, group in enumerate(question_groups(config, questions, class_ids, asked)):
        ids_of = _cut_group(config, questions, slices, group, labels)
        learned = tuple(np.unique(labels[ids_of["train"]]).tolist())
        for stream, ids in ids_of.items():
            streams[stream].append(ExperienceSpec(stream, index, group.name, learned, ids))
    classes_of = {name: tuple(ids.values()) for name, ids in class_ids.items()}
    return assemble(config, slices, classes, classes_of, streams), labels


def number_answers(
    config: BenchmarkConfig, questions: QuestionsConfig, slices: Sequence[SplitSlice]
) -> tuple[tuple[Candidate, ...], dict[str, dict[str, int]]]:
    """The candidates, and for each dataset the class id of each string that counts as one of its
    answers.

    Datasets of the stream share the candidates of equal strings. Held-out datasets and the
    reference keep candidates of their own: classes under their templates, or, for questions, the
    open list.
    """
    candidates: dict[tuple[str, str], Candidate] = {}
    owner_of = {name: "" if name in config.datasets else name for name in config.named}
    names_of: dict[str, list[str]] = {}
    for dataset_name, owner in owner_of.items():
        dataset = config.declared(dataset_name)
        if isinstance(dataset, VqaDataset):
            names_of[dataset_name] = _answers(dataset, config, questions, slices)
            templates: tuple[str, ...] = (dataset.template,)
        else:
            names_of[dataset_name] = list(dataset.classes)
            templates = dataset.templates
        for name in names_of[dataset_name]:
            candidates.setdefault((owner, name), Candidate(name, dataset_name, templates))
    # A dict keeps the order of first insertion, so a class id is the number of its key.
    id_of = {key: class_id for class_id, key in enumerate(candidates)}
    class_ids: dict[str, dict[str, int]] = {}
    for dataset_name, names in names_of.items():
        owner = owner_of[dataset_name]
        class_ids[dataset_name] = {name: id_of[owner, name] for name in names}
    return tuple(candidates.values()), class_ids


def class_ids_of_answers(
    dataset: VqaDataset | ImageDataset, answers: Sequence[str], class_ids: Mapping[str, int]
) -> NDArray[np.int64]:
    """The class id of each answer [answers], or OUTSIDE: equal strings after the dataset's
    normaliser. Names of classes, which have none, are read by the VQA convention, as what is
    compared with them is.
    """
    if isinstance(dataset, VqaDataset):
        # The names of candidates went through the same normaliser already.
        normalise = NORMALISERS[dataset.normaliser]
        known = dict(class_ids)
    else:
        normalise = NORMALISERS["vqa"]
        known = {normalise(name.replace("_", " ")): number for name, number in class_ids.items()}
    found = [known.get(normalise(answer), OUTSIDE) for answer in answers]
    return np.array(found, dtype=np.int64)


def _answers(
    dataset: VqaDataset,
    config: BenchmarkConfig,
    questions: QuestionsConfig,
    slices: Sequence[SplitSlice],
) -> list[str]:
    """The candidates of a dataset of questions, each once, as they are compared."""
    answers: list[str] = []
    trained_on = dataset.name in config.datasets
    if trained_on:
        train = find_slice(slices, dataset.name, "train")
        answers += sorted(question.answer for question in train.questions)
    # A held-out dataset has no train split to take answers from: it is always in the open track.
    if questions.track == "open" or not trained_on:
        answers += dataset.open_answers
    normalise = NORMALISERS[dataset.normaliser]
    return list(dict.fromkeys(normalise(answer) for answer in answers))


def _labels(split_slice: SplitSlice, class_ids: Mapping[str, int]) -> NDArray[np.int64]:
    """The label of each sample of a split [n]."""
    if isinstance(split_slice.dataset, VqaDataset):
        answers = [question.answer for question in split_slice.questions]
        return class_ids_of_answers(split_slice.dataset, answers, class_ids)
    return np.array(list(class_ids.values()), dtype=np.int64)[split_slice.labels]


def _cut_group(
    config: BenchmarkConfig,
    questions: QuestionsConfig,
    slices: Sequence[SplitSlice],
    group: QuestionGroup,
    labels: Labels,
) -> dict[str, Ids]:
    """The samples of an experience, in each stream."""
    train = find_slice(slices, group.dataset, "train")
    learned = _ids_of_group(train, group, labels, without_held_out_of=questions)
    held_back = _held_back(train, learned, fraction=config.valid_fraction)
    test = find_slice(slices, group.dataset, "test")
    ids_of = {
        "train": learned[~held_back],
        "valid": learned[held_back],
        "test": _ids_of_group(test, group, labels),
    }
    if not len(ids_of["train"]) or not len(ids_of["test"]):
        raise Mistake(
            f"questions: the experience {group.name} has no questions to learn from or to be "
            f"tested on; join groups"
        )
    return ids_of


def _ids_of_group(
    split_slice: SplitSlice,
    group: QuestionGroup,
    labels: Labels,
    *,
    without_held_out_of: QuestionsConfig | None = None,
) -> Ids:
    """The samples of a split that belong to a group, for training without held-out
    combinations.
    """
    chosen = []
    for sample, question in enumerate(split_slice.questions, start=split_slice.start):
        if not group.holds(question, int(labels[sample])):
            continue
        if without_held_out_of is None or not is_held_out(question, without_held_out_of):
            chosen.append(sample)
    return np.array(chosen, dtype=np.int64)


def _held_back(split_slice: SplitSlice, ids: Ids, *, fraction: float) -> NDArray[np.bool_]:
    """Which of these samples are for validation [n].

    Images are drawn, and all questions about them held back: a question for validation about an
    image that was trained on would be half known. The draw depends on an image's content alone.
    """
    assert isinstance(split_slice.data, QuestionSplit)
    images = split_slice.data.images
    drawn = [
        seed_of("valid questions", identity) / 2**63 < fraction
        for identity in images.hashes or images.keys
    ]
    image_rows = split_slice.data.image_rows[ids - split_slice.start]
    mask: NDArray[np.bool_] = np.array(drawn, dtype=np.bool_)[image_rows]
    return mask
