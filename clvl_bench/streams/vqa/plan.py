"""Answers: the plan of a stream of questions. Its classes are answers, compared as strings after
the dataset's normaliser.

In the closed track the candidates of a dataset are the answers of its train part; in the open track
the dataset's own list stands behind them. An answer of a test question that is not among them is
`OUTSIDE`: a true answer that nobody can give.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Mistake
from clvl_bench.core.rng import seed_of
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.normalisers import NORMALISERS
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.question_split import Question, QuestionSplit
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.label_store import OUTSIDE
from clvl_bench.streams.plan import ExperienceSpec, Plan, labels_of, make_plan
from clvl_bench.streams.reading import of
from clvl_bench.streams.shape import Ids
from clvl_bench.streams.split_slice import SplitSlice
from clvl_bench.streams.vqa.config import QuestionsConfig
from clvl_bench.streams.vqa.groups import Belongs, question_groups, trainable


def plan_of(config: BenchmarkConfig, parts: Sequence[SplitSlice]) -> tuple[Plan, NDArray[np.int64]]:
    """The plan of a benchmark of either kind, and its truth [samples]."""
    if config.questions is None:
        return make_plan(config, parts)
    return question_plan(config, config.questions, parts)


def question_plan(
    config: BenchmarkConfig, questions: QuestionsConfig, parts: Sequence[SplitSlice]
) -> tuple[Plan, NDArray[np.int64]]:
    """The plan of a stream of questions, and its truth: the place of each sample's answer in the
    table, or OUTSIDE.

    Raises:
        Mistake: an experience has no questions to learn from or to be tested on.
    """
    table, places = answer_table(config, questions, parts)
    truth = np.concatenate([_places(part, places[part.dataset.name]) for part in parts])
    train, valid, test = [], [], []
    for index, group in enumerate(question_groups(config, questions, places)):
        learned = _held(of(parts, group.dataset, "train"), truth, trainable(group.holds, questions))
        held_back = _held_back(
            of(parts, group.dataset, "train"), learned, fraction=config.valid_fraction
        )
        tested = _held(of(parts, group.dataset, "test"), truth, group.holds)
        if not len(learned[~held_back]) or not len(tested):
            raise Mistake(
                f"questions: the experience {group.name} has no questions to learn from or to be "
                f"tested on; join groups"
            )
        classes = tuple(np.unique(truth[learned[~held_back]]).tolist())
        train.append(ExperienceSpec("train", index, group.name, classes, learned[~held_back]))
        valid.append(ExperienceSpec("valid", index, group.name, classes, learned[held_back]))
        test.append(ExperienceSpec("test", index, group.name, classes, tested))
    zeroshot = [
        ExperienceSpec(
            "zeroshot", index, name, tuple(places[name].values()), _all(of(parts, name, "test"))
        )
        for index, name in enumerate(config.zeroshot)
    ]
    streams = {
        "train": tuple(train),
        "valid": tuple(valid),
        "test": tuple(test),
        "zeroshot": tuple(zeroshot),
    }
    if config.reference is not None:
        name = config.reference
        streams["reference"] = (
            ExperienceSpec(
                "reference", 0, name, tuple(places[name].values()), _all(of(parts, name, "train"))
            ),
        )
    tasks = np.concatenate(
        [np.full(len(part.data), config.named.index(part.dataset.name)) for part in parts]
    )
    task_classes = tuple(tuple(places[name].values()) for name in config.named)
    return Plan(
        config.label_space, table, streams, tasks.astype(np.int64), task_classes
    ), truth.astype(np.int64)


def answer_table(
    config: BenchmarkConfig, questions: QuestionsConfig, parts: Sequence[SplitSlice]
) -> tuple[tuple[Candidate, ...], dict[str, dict[str, int]]]:
    """The candidates, and for each dataset the place of each string that counts as one of its
    answers.

    Datasets of the stream share the candidates of equal strings. Held-out datasets and the
    reference keep candidates of their own: classes under their templates, or, for questions, the
    open list.
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


def _questions(part: SplitSlice) -> tuple[Question, ...]:
    assert isinstance(part.data, QuestionSplit)
    return part.data.questions


def _places(part: SplitSlice, places: dict[str, int]) -> NDArray[np.int64]:
    if not isinstance(part.dataset, VqaDataset):
        return np.array(list(places.values()), dtype=np.int64)[labels_of(part)]
    return placed(part.dataset, [each.answer for each in _questions(part)], places)


def placed(
    dataset: VqaDataset | ImageDataset, answers: Sequence[str], places: dict[str, int]
) -> NDArray[np.int64]:
    """The place of each answer in the table, or OUTSIDE: equal strings after the dataset's
    normaliser. Names of classes, which have none, are read by the VQA convention, as what is
    compared with them is.
    """
    known, convention = places, "vqa"
    if isinstance(dataset, VqaDataset):
        convention = dataset.normaliser
    else:
        known = {
            NORMALISERS[convention](name.replace("_", " ")): place for name, place in places.items()
        }
    return np.array(
        [known.get(NORMALISERS[convention](answer), OUTSIDE) for answer in answers], dtype=np.int64
    )


def _held(part: SplitSlice, truth: NDArray[np.int64], holds: Belongs) -> Ids:
    ids = _all(part)
    places = truth[ids].tolist()
    mask = [
        holds(question, place) for question, place in zip(_questions(part), places, strict=True)
    ]
    return ids[np.array(mask, dtype=np.bool_)]


def _held_back(part: SplitSlice, ids: Ids, *, fraction: float) -> NDArray[np.bool_]:
    """The validation share: all questions about some images, drawn by content."""
    assert isinstance(part.data, QuestionSplit)
    identities = part.data.images.hashes or part.data.images.keys
    drawn = np.array(
        [seed_of("valid questions", identity) / 2**63 < fraction for identity in identities]
    )
    mask: NDArray[np.bool_] = drawn[part.data.image_rows[ids - part.start]]
    return mask


def _all(part: SplitSlice) -> Ids:
    return np.arange(part.start, part.start + len(part.data), dtype=np.int64)
