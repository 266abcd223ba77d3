"""Plan: which sample is met when, and among which classes it is scored. Pure arithmetic on labels,
no Avalanche.

The plan holds ids and class names, no labels: these stay with the truth.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.rng import rng, seed_of
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.data.readers.split import Split
from clvl_bench.streams.config import BenchmarkConfig, LabelSpace
from clvl_bench.streams.label_delay import NEVER, arrivals, labelled
from clvl_bench.streams.order import in_order
from clvl_bench.streams.reading import of
from clvl_bench.streams.shape import Ids, blurred, few_shot, long_tailed, part_of
from clvl_bench.streams.split_slice import SplitSlice

ClassIds = tuple[int, ...]


@dataclass(frozen=True)
class ExperienceSpec:
    """One experience: its place in its stream, its dataset, its class ids, its sample ids.

    `covers` is the number of the benchmark's experiences in it: 1, or all of them where training is
    joint. `epoch_samples` is how many samples an epoch draws where that is not all of them.
    """

    stream: str
    index: int
    dataset: str
    classes: ClassIds
    ids: Ids
    covers: int = 1
    epoch_samples: int | None = None


@dataclass(frozen=True)
class Plan:
    """All classes (a class id is an index into them), the experiences of each stream, and the task
    (dataset number) of each sample [samples].
    """

    label_space: LabelSpace
    classes: tuple[Candidate, ...]
    streams: dict[str, tuple[ExperienceSpec, ...]]
    tasks: NDArray[np.int64]
    task_classes: tuple[ClassIds, ...]

    def seen(self, n_experiences: int) -> ClassIds:
        """Classes of the first `n_experiences` experiences, in order of appearance."""
        return tuple(
            dict.fromkeys(
                place for spec in self.streams["train"][:n_experiences] for place in spec.classes
            )
        )

    def candidates(self, spec: ExperienceSpec, n_experiences: int) -> ClassIds:
        """Among which classes the samples of an experience are scored after `n_experiences`
        experiences.
        """
        if spec.stream in ("zeroshot", "reference") or self.label_space == "dataset":
            return tuple(
                dict.fromkeys(
                    place for task in self.tasks_of(spec) for place in self.task_classes[task]
                )
            )
        return (
            self.seen(n_experiences)
            if self.label_space == "seen"
            else self.seen(len(self.streams["train"]))
        )

    def tasks_of(self, spec: ExperienceSpec) -> list[int]:
        """The tasks (dataset numbers) of an experience's samples, most often one."""
        return sorted({int(task) for task in self.tasks[spec.ids]})

    def scorable(self, spec: ExperienceSpec, n_experiences: int) -> bool:
        """Whether the experience's classes are among its candidates yet."""
        return set(spec.classes) <= set(self.candidates(spec, n_experiences))

    def joint(self) -> "Plan":
        """The same, with one training experience that holds all of them."""
        merged = {name: (_merged(self.streams[name]),) for name in ("train", "valid")}
        merged["train"] = (replace(merged["train"][0], covers=len(self.streams["train"])),)
        return replace(self, streams={**self.streams, **merged})

    def cumulative(self) -> "Plan":
        """The same, with all earlier experiences in each; an epoch still draws as many samples as
        its own has.
        """
        train = self.streams["train"]
        grown = [
            replace(
                _merged(train[: t + 1]),
                index=t,
                dataset=train[t].dataset,
                epoch_samples=len(train[t].ids),
            )
            for t in range(len(train))
        ]
        return replace(self, streams={**self.streams, "train": tuple(grown)})


def steps_of(ids: Ids, size: int) -> list[Ids]:
    """An experience's samples, in their order, as steps of an online stream; the last may be
    shorter.
    """
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def arrivals_of(config: BenchmarkConfig, plan: Plan, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """When the label of each sample arrives [samples]: in an online stream the step, else 0; NEVER
    for those without.

    Nothing is hidden for good in the other streams.
    """
    train = plan.streams["train"]
    ids = np.concatenate([spec.ids for spec in train])
    groups = plan.tasks[ids] * len(plan.classes) + truth[ids]
    due = np.zeros_like(truth)
    if config.online is None:
        due[ids] = NEVER
        due[labelled(ids, groups, config.supervision)] = 0
        return due
    lengths = [len(part) for spec in train for part in steps_of(spec.ids, config.online.step_size)]
    steps = np.repeat(np.arange(len(lengths)), lengths)
    return arrivals(ids, groups, steps, config.supervision, samples=len(truth))


def make_plan(
    config: BenchmarkConfig, parts: Sequence[SplitSlice]
) -> tuple[Plan, NDArray[np.int64]]:
    """The plan of a benchmark, and its truth: the class id of every sample
    [samples].
    """
    table, places = _table(config, parts)
    truth = np.concatenate([np.array(places[part.dataset.name])[labels_of(part)] for part in parts])
    names = config.named
    tasks = np.concatenate(
        [np.full(len(part.data), names.index(part.dataset.name)) for part in parts]
    )
    train, valid, test = [], [], []
    experiences, kept = _experiences(config, places), []
    for index, (name, classes, _) in enumerate(experiences):
        chosen = _ids(of(parts, name, "train"), truth, classes)
        held_back = _held_back(chosen, truth, fraction=config.valid_fraction)
        kept.append(chosen[~held_back])
        valid.append(ExperienceSpec("valid", index, name, classes, chosen[held_back]))
        test.append(
            ExperienceSpec(
                "test", index, name, classes, _ids(of(parts, name, "test"), truth, classes)
            )
        )
    for index, ids in enumerate(_arriving(config, experiences, kept, truth)):
        name, classes, _ = experiences[index]
        train.append(ExperienceSpec("train", index, name, _with(classes, truth[ids]), ids))
    if config.scenario == "joint":
        train, valid, test = [_merged(train)], [_merged(valid)], [_merged(test)]
    zeroshot = [
        ExperienceSpec(
            "zeroshot",
            index,
            name,
            tuple(places[name]),
            _ids(of(parts, name, "test"), truth, places[name]),
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
        part = of(parts, config.reference, "train")
        ids = np.arange(part.start, part.start + len(part.data), dtype=np.int64)
        streams["reference"] = (
            ExperienceSpec("reference", 0, config.reference, tuple(places[config.reference]), ids),
        )
    task_classes = tuple(tuple(places[name]) for name in names)
    return Plan(
        config.label_space, table, streams, tasks.astype(np.int64), task_classes
    ), truth.astype(np.int64)


def class_order(classes: int, seed: int) -> list[int]:
    """The benchmark's order of classes: a permutation that depends on the seed alone."""
    return [int(label) for label in rng("class order", seed).permutation(classes)]


def _experiences(
    config: BenchmarkConfig, places: dict[str, list[int]]
) -> list[tuple[str, ClassIds, int]]:
    """Dataset, classes and round of each experience: in a round every class of a dataset comes
    exactly once.
    """
    if config.scenario != "class_incremental":
        return [(name, tuple(places[name]), 0) for name in config.datasets]
    found = []
    for turn, name in itertools.product(range(config.repeats), config.datasets):
        seed = (
            config.class_order_seed
            if turn == 0
            else seed_of("class order", config.class_order_seed, turn)
        )
        order = [places[name][label] for label in class_order(len(places[name]), seed)]
        edges = np.cumsum([0, *config.sizes_of(name)])
        found += [
            (name, tuple(order[start:stop]), turn) for start, stop in itertools.pairwise(edges)
        ]
    return found


def _arriving(
    config: BenchmarkConfig,
    experiences: Sequence[tuple[str, ClassIds, int]],
    kept: Sequence[Ids],
    truth: NDArray[np.int64],
) -> list[Ids]:
    """The training samples of each experience: of those kept for training, as many and when the
    benchmark says.
    """
    seed = config.draw_seed
    order = [place for _, classes, turn in experiences if turn == 0 for place in classes]
    arriving = []
    for (_, _, turn), ids in zip(experiences, kept, strict=True):
        if config.imbalance > 1:
            ids = long_tailed(ids, truth, order, imbalance=config.imbalance, seed=seed)
        if config.shots is not None:
            ids = few_shot(ids, truth, shots=config.shots, seed=seed)
        arriving.append(
            part_of(ids, truth, part=turn, parts=config.repeats) if config.repeats > 1 else ids
        )
    arriving = blurred(arriving, share=config.blurry, seed=seed) if config.blurry else arriving
    return arriving if config.online is None else in_order(arriving, truth, config.online)


def _with(classes: ClassIds, labels: NDArray[np.int64]) -> ClassIds:
    """An experience's own classes, and behind them those of samples that a blurred boundary let
    in.
    """
    return tuple(dict.fromkeys((*classes, *np.unique(labels).tolist())))


def _table(
    config: BenchmarkConfig, parts: Sequence[SplitSlice]
) -> tuple[tuple[Candidate, ...], dict[str, list[int]]]:
    """The benchmark's classes, and for each dataset the place of each of its labels.

    Where the dataset of a sample is known (label space `dataset`), classes are the same if name and
    templates agree; where it is not, the name decides, and the first dataset lends its templates:
    otherwise two classes of one name would tie. Held-out datasets and the reference keep classes of
    their own.
    """
    rows: dict[tuple[object, ...], Candidate] = {}
    places: dict[str, list[int]] = {}
    for name in config.named:
        dataset = config.images(name)
        known = dataset.templates if config.label_space == "dataset" else None
        keys = [
            (None, known, label) if name in config.datasets else (name, label)
            for label in dataset.classes
        ]
        for key, label in zip(keys, dataset.classes, strict=True):
            rows.setdefault(key, Candidate(label, name, dataset.templates))
        order = list(rows)
        places[name] = [order.index(key) for key in keys]
    return tuple(rows.values()), places


def labels_of(part: SplitSlice) -> NDArray[np.int64]:
    """The label numbers of a part whose samples are images with classes."""
    assert isinstance(part.data, Split)
    return part.data.labels


def _ids(part: SplitSlice, truth: NDArray[np.int64], classes: Sequence[int]) -> Ids:
    rows = np.arange(part.start, part.start + len(part.data), dtype=np.int64)
    return rows[np.isin(truth[rows], classes)]


def _held_back(ids: Ids, truth: NDArray[np.int64], *, fraction: float) -> NDArray[np.bool_]:
    """The validation share: the same part of each class, whatever experience it falls into."""
    mask = np.zeros(len(ids), dtype=np.bool_)
    for place in np.unique(truth[ids]):
        rows = np.flatnonzero(truth[ids] == place)
        mask[rng("valid", int(place)).permutation(rows)[: round(fraction * len(rows))]] = True
    return mask


def _merged(steps: Sequence[ExperienceSpec]) -> ExperienceSpec:
    names = list(dict.fromkeys(spec.dataset for spec in steps))
    classes = tuple(dict.fromkeys(place for spec in steps for place in spec.classes))
    return ExperienceSpec(
        steps[0].stream, 0, "+".join(names), classes, np.concatenate([spec.ids for spec in steps])
    )
