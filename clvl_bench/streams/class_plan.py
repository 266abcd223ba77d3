"""Class plan: the plan of a stream of images with classes. Pure arithmetic on labels.

The steps, in their order: number the classes of all datasets, cut them into groups (one an
experience), hold samples back for validation, then draw and order what is left for training.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.rng import rng, seed_of
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.streams.config import BenchmarkConfig, ClassOrderDraw
from clvl_bench.streams.order import in_order
from clvl_bench.streams.plan import ClassIds, ExperienceSpec, Plan, assemble, merged, unique
from clvl_bench.streams.reading import find_slice
from clvl_bench.streams.shape import blurred, few_shot, long_tailed, share_of_turn
from clvl_bench.streams.split_slice import Ids, Labels, SplitSlice


@dataclass(frozen=True)
class ClassGroup:
    """The classes of one dataset that an experience brings.

    Where classes come again (`repeats`), `turn` counts from 0 how often they came before.
    """

    dataset: str
    classes: ClassIds
    turn: int = 0


def make_class_plan(config: BenchmarkConfig, slices: Sequence[SplitSlice]) -> tuple[Plan, Labels]:
    """The plan of a benchmark of images with classes, and the label of every sample [samples]."""
    classes, classes_of = number_classes(config)
    labels = _labels(slices, classes_of)
    groups = class_groups(config, classes_of)
    streams = _cut_streams(config, slices, groups, labels)
    if config.scenario == "joint":
        streams = {name: [merged(specs)] for name, specs in streams.items()}
    return assemble(config, slices, classes, classes_of, streams), labels


def number_classes(
    config: BenchmarkConfig,
) -> tuple[tuple[Candidate, ...], dict[str, ClassIds]]:
    """The benchmark's classes, and for each dataset the class id of each of its labels.

    Where the dataset of a sample is known (label space `dataset`), classes are the same if name and
    templates agree; where it is not, the name decides, and the first dataset lends its templates:
    otherwise two classes of one name would tie. Held-out datasets and the reference keep classes of
    their own.
    """
    classes: dict[tuple[object, ...], Candidate] = {}
    keys_of: dict[str, list[tuple[object, ...]]] = {}
    for name in config.named:
        dataset = config.images(name)
        known = dataset.templates if config.label_space == "dataset" else None
        keys_of[name] = []
        for label in dataset.classes:
            key = (None, known, label) if name in config.datasets else (name, label)
            classes.setdefault(key, Candidate(label, name, dataset.templates))
            keys_of[name].append(key)
    # A dict keeps the order of first insertion, so a class id is the number of its key.
    class_ids = {key: class_id for class_id, key in enumerate(classes)}
    classes_of = {}
    for name, keys in keys_of.items():
        classes_of[name] = tuple(class_ids[key] for key in keys)
    return tuple(classes.values()), classes_of


def positive_classes(config: BenchmarkConfig) -> ClassIds:
    """The class ids that metrics of two classes are about: the second class of each dataset of the
    stream; none where samples have other than two candidates.
    """
    if not config.has_two_candidates:
        return ()
    _, classes_of = number_classes(config)
    return unique(classes_of[name][1] for name in config.datasets)


def class_order(classes: int, seed: int, draw: ClassOrderDraw = "suite") -> list[int]:
    """The benchmark's order of classes: a permutation that depends on the seed alone."""
    if draw == "numpy":
        # The old generator, whose stream numpy keeps as it is: orders are published as its seeds.
        generator = np.random.RandomState(seed % 2**32)
        return [int(label) for label in generator.permutation(classes)]
    return [int(label) for label in rng("class order", seed).permutation(classes)]


def _labels(slices: Sequence[SplitSlice], classes_of: dict[str, ClassIds]) -> Labels:
    """The class id of every sample [samples], from each dataset's own numbers."""
    found = []
    for split_slice in slices:
        class_ids = np.array(classes_of[split_slice.dataset.name], dtype=np.int64)
        found.append(class_ids[split_slice.labels])
    return np.concatenate(found)


def class_groups(config: BenchmarkConfig, classes_of: dict[str, ClassIds]) -> list[ClassGroup]:
    """The groups in the order of the experiences: in a turn every class of a dataset comes exactly
    once.
    """
    if not config.has_class_order:
        return [ClassGroup(name, classes_of[name]) for name in config.datasets]
    groups = []
    for turn in range(config.repeats):
        for name in config.datasets:
            shuffled = _shuffled(classes_of[name], config, turn)
            edges = [0, *itertools.accumulate(config.sizes_of(name))]
            for start, stop in itertools.pairwise(edges):
                groups.append(ClassGroup(name, shuffled[start:stop], turn))
    return groups


def _shuffled(classes: ClassIds, config: BenchmarkConfig, turn: int) -> ClassIds:
    """Classes in the order of a turn: the first turn's is the one of the seed itself."""
    seed = config.class_order_seed
    if turn > 0:
        seed = seed_of("class order", seed, turn)
    order = class_order(len(classes), seed, config.class_order_draw)
    return tuple(classes[label] for label in order)


def _cut_streams(
    config: BenchmarkConfig,
    slices: Sequence[SplitSlice],
    groups: Sequence[ClassGroup],
    labels: Labels,
) -> dict[str, list[ExperienceSpec]]:
    """The streams train, valid and test, one experience a group in each."""
    train_ids, valid_ids, test_ids = [], [], []
    for group in groups:
        of_train = _ids_of_group(find_slice(slices, group.dataset, "train"), group, labels)
        held_back = _held_back(of_train, labels, fraction=config.valid_fraction)
        train_ids.append(of_train[~held_back])
        valid_ids.append(of_train[held_back])
        test_ids.append(_ids_of_group(find_slice(slices, group.dataset, "test"), group, labels))
    # Validation is held back before anything is drawn: the stream valid is the same for every
    # shape and order of the training stream.
    train_ids = _training_ids(config, groups, train_ids, labels)
    train_groups = []
    for group, ids in zip(groups, train_ids, strict=True):
        # A blurred boundary lets in samples of classes that belong to other experiences.
        met = np.unique(labels[ids]).tolist()
        train_groups.append(replace(group, classes=unique([*group.classes, *met])))
    return {
        "train": _specs("train", train_groups, train_ids),
        "valid": _specs("valid", groups, valid_ids),
        "test": _specs("test", groups, test_ids),
    }


def _specs(
    stream: str, groups: Sequence[ClassGroup], ids_of_groups: Sequence[Ids]
) -> list[ExperienceSpec]:
    specs = []
    for index, (group, ids) in enumerate(zip(groups, ids_of_groups, strict=True)):
        specs.append(ExperienceSpec(stream, index, group.dataset, group.classes, ids))
    return specs


def _ids_of_group(split_slice: SplitSlice, group: ClassGroup, labels: Labels) -> Ids:
    """The samples of a split whose class is in the group."""
    ids = split_slice.ids
    return ids[np.isin(labels[ids], group.classes)]


def _held_back(ids: Ids, labels: Labels, *, fraction: float) -> NDArray[np.bool_]:
    """Which samples are for validation [n]: the same share of each class.

    The draw of a class depends on its class id alone: whatever experience a class falls into, the
    same samples of it are held back.
    """
    mask = np.zeros(len(ids), dtype=np.bool_)
    for class_id in np.unique(labels[ids]):
        rows = np.flatnonzero(labels[ids] == class_id)
        mixed = rng("valid", int(class_id)).permutation(rows)
        mask[mixed[: round(fraction * len(rows))]] = True
    return mask


def _training_ids(
    config: BenchmarkConfig,
    groups: Sequence[ClassGroup],
    train_ids: Sequence[Ids],
    labels: Labels,
) -> list[Ids]:
    """The training samples of each experience: as many as the benchmark says, and in its order."""
    drawn = _drawn(config, groups, train_ids, labels)
    if config.blurry:
        drawn = blurred(drawn, share=config.blurry, seed=config.draw_seed)
    if config.online is not None:
        drawn = in_order(drawn, labels, config.online)
    return drawn


def _drawn(
    config: BenchmarkConfig,
    groups: Sequence[ClassGroup],
    train_ids: Sequence[Ids],
    labels: Labels,
) -> list[Ids]:
    """A long tail, few shots, and where classes come again the share of each turn."""
    seed = config.draw_seed
    first_turn = [group for group in groups if group.turn == 0]
    order = [class_id for group in first_turn for class_id in group.classes]
    drawn = []
    for group, ids in zip(groups, train_ids, strict=True):
        if config.imbalance > 1:
            ids = long_tailed(ids, labels, order, imbalance=config.imbalance, seed=seed)
        if config.shots is not None:
            ids = few_shot(ids, labels, shots=config.shots, seed=seed)
        if config.repeats > 1:
            ids = share_of_turn(ids, labels, turn=group.turn, turns=config.repeats)
        drawn.append(ids)
    return drawn
