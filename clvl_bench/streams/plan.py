"""Plan: which sample is met in which experience, and among which classes it is scored.

No Avalanche here. A plan holds sample ids and the names of classes, and no label: labels stay in
the label store.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.streams.config import BenchmarkConfig, LabelSpace
from clvl_bench.streams.reading import find_slice
from clvl_bench.streams.split_slice import Ids, SplitSlice

ClassIds = tuple[int, ...]
"""Classes of a benchmark; a class id is the place of a class in `Plan.classes`."""


@dataclass(frozen=True)
class ExperienceSpec:
    """One experience: its index in its stream, its dataset, its classes and its sample ids.

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
    """All classes of a benchmark, and the experiences of each of its streams.

    Datasets are numbered, as Avalanche's tasks are: `tasks` holds the number of each sample's
    dataset [samples], `task_classes` the classes of each dataset.
    """

    label_space: LabelSpace
    classes: tuple[Candidate, ...]
    streams: dict[str, tuple[ExperienceSpec, ...]]
    tasks: NDArray[np.int64]
    task_classes: tuple[ClassIds, ...]
    _known: dict[object, ClassIds] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Classes that were asked for: each evaluation asks for those of each experience again."""

    def seen(self, n_experiences: int) -> ClassIds:
        """Classes of the first `n_experiences` experiences, in order of appearance."""
        if n_experiences not in self._known:
            met = self.streams["train"][:n_experiences]
            self._known[n_experiences] = unique(each for spec in met for each in spec.classes)
        return self._known[n_experiences]

    def candidates(self, spec: ExperienceSpec, n_experiences: int) -> ClassIds:
        """Among which classes the samples of an experience are scored after `n_experiences`
        experiences.
        """
        # Held-out datasets and the reference are scored among their own classes in every label
        # space: no experience ever brings these.
        if self.label_space == "dataset" or spec.stream in ("zeroshot", "reference"):
            return self._of_its_tasks(spec)
        if self.label_space == "seen":
            return self.seen(n_experiences)
        return self.seen(len(self.streams["train"]))

    def _of_its_tasks(self, spec: ExperienceSpec) -> ClassIds:
        key = (spec.stream, spec.index)
        of_plan = self.streams.get(spec.stream, ())[spec.index : spec.index + 1]
        # A step of an online stream bears the index of its experience, and may have fewer tasks.
        is_step = not of_plan or of_plan[0] is not spec
        if is_step or key not in self._known:
            tasks = self.tasks_of(spec)
            classes = unique(each for task in tasks for each in self.task_classes[task])
            if is_step:
                return classes
            self._known[key] = classes
        return self._known[key]

    def tasks_of(self, spec: ExperienceSpec) -> list[int]:
        """The tasks (dataset numbers) of an experience's samples, most often one."""
        found: list[int] = np.unique(self.tasks[spec.ids]).tolist()
        return found

    def scorable(self, spec: ExperienceSpec, n_experiences: int) -> bool:
        """Whether the experience's classes are among its candidates yet."""
        return set(spec.classes) <= set(self.candidates(spec, n_experiences))

    def joint(self) -> "Plan":
        """The same, with one training experience that holds all of them."""
        train = merged(self.streams["train"])
        joint = {
            "train": (replace(train, covers=len(self.streams["train"])),),
            "valid": (merged(self.streams["valid"]),),
        }
        return replace(self, streams={**self.streams, **joint})

    def cumulative(self) -> "Plan":
        """The same, with all earlier experiences in each; an epoch still draws as many samples as
        its own has.
        """
        train = self.streams["train"]
        grown = []
        for index, spec in enumerate(train):
            so_far = merged(train[: index + 1])
            grown.append(
                replace(so_far, index=index, dataset=spec.dataset, epoch_samples=len(spec.ids))
            )
        return replace(self, streams={**self.streams, "train": tuple(grown)})


def unique(class_ids: Iterable[int]) -> ClassIds:
    """Each class once, in order of first appearance."""
    return tuple(dict.fromkeys(class_ids))


def merged(specs: Sequence[ExperienceSpec]) -> ExperienceSpec:
    """Several experiences of a stream as one."""
    return ExperienceSpec(
        stream=specs[0].stream,
        index=0,
        dataset="+".join(dict.fromkeys(spec.dataset for spec in specs)),
        classes=unique(class_id for spec in specs for class_id in spec.classes),
        ids=np.concatenate([spec.ids for spec in specs]),
    )


def steps_of(ids: Ids, size: int) -> list[Ids]:
    """An experience's samples, in their order, as steps of an online stream; the last may be
    shorter.
    """
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def assemble(
    config: BenchmarkConfig,
    slices: Sequence[SplitSlice],
    classes: tuple[Candidate, ...],
    classes_of: Mapping[str, ClassIds],
    streams: Mapping[str, Sequence[ExperienceSpec]],
) -> Plan:
    """The plan of a benchmark whose streams train, valid and test are cut: adds those of the
    datasets that are never trained on.

    Args:
        classes: all classes of the benchmark, by class id.
        classes_of: the class ids of each dataset, by its name.
    """
    whole = {name: tuple(specs) for name, specs in streams.items()}
    whole["zeroshot"] = tuple(
        ExperienceSpec("zeroshot", index, name, classes_of[name], _ids_of(slices, name, "test"))
        for index, name in enumerate(config.zeroshot)
    )
    if config.reference is not None:
        name = config.reference
        ids = _ids_of(slices, name, "train")
        whole["reference"] = (ExperienceSpec("reference", 0, name, classes_of[name], ids),)
    for stream in SCORED:
        _refuse_nothing_to_score(whole[stream], classes)
    return Plan(
        label_space=config.label_space,
        classes=classes,
        streams=whole,
        tasks=_tasks(config, slices),
        task_classes=tuple(classes_of[name] for name in config.named),
    )


SCORED = ("test", "zeroshot")
"""Streams whose experiences are columns of every table."""


def _refuse_nothing_to_score(specs: Sequence[ExperienceSpec], classes: Sequence[Candidate]) -> None:
    """An experience without a sample has no accuracy, and its run could never be shown.

    Raises:
        Mistake: there is one.
    """
    for spec in specs:
        if len(spec.ids):
            continue
        titles = ", ".join(classes[class_id].title for class_id in spec.classes[:TITLES])
        more = f" and {len(spec.classes) - TITLES} more" if len(spec.classes) > TITLES else ""
        raise Mistake(
            f"{spec.dataset}: experience {spec.index + 1} of the stream {spec.stream} ({titles}"
            f"{more}) has no test image; give it some, or join it with another experience"
        )


TITLES = 3
"""How many classes of an experience an error names."""


def _ids_of(slices: Sequence[SplitSlice], name: str, split: str) -> Ids:
    return find_slice(slices, name, split).ids


def _tasks(config: BenchmarkConfig, slices: Sequence[SplitSlice]) -> NDArray[np.int64]:
    """The dataset number of each sample [samples]."""
    numbers = [config.named.index(each.dataset.name) for each in slices]
    sizes = [len(each.data) for each in slices]
    return np.repeat(np.array(numbers, dtype=np.int64), sizes)
