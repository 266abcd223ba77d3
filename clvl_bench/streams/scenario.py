"""Scenario: a plan as an Avalanche benchmark with the streams train, valid, test and zeroshot.

Avalanche 0.6.0's own generators are not used: `class_incremental_benchmark` drops classes when the
number of experiences does not divide them, loses samples without a label, and seeds the global
generator.
"""

import numpy as np
import torch
from avalanche.benchmarks import CLScenario
from avalanche.benchmarks.scenarios.dataset_scenario import DatasetExperience
from avalanche.benchmarks.scenarios.generic_scenario import EagerCLStream
from avalanche.benchmarks.utils.classification_dataset import (
    TaskAwareSupervisedClassificationDataset,
)
from avalanche.benchmarks.utils.data_attribute import DataAttribute
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from clvl_bench.streams.label_store import Targets
from clvl_bench.streams.learner_view import AnyInputs, LearnerView
from clvl_bench.streams.plan import ClassIds, ExperienceSpec, Plan


class Samples(Dataset[tuple[Tensor, int]]):
    """Inputs and visible labels, sample by sample, for code that iterates over a dataset as
    Avalanche does.
    """

    def __init__(self, ids: NDArray[np.int64], inputs: AnyInputs, targets: Targets) -> None:
        self._ids = ids
        self._inputs = inputs
        self.targets = targets

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        batch_of_one = torch.from_numpy(self._ids[row : row + 1])
        return self._inputs(batch_of_one)[0], self.targets[row]


class Experience(DatasetExperience):
    """An experience that knows its plan: ids, classes and candidates, but no label of its own."""

    def __init__(
        self, spec: ExperienceSpec, plan: Plan, dataset: TaskAwareSupervisedClassificationDataset
    ) -> None:
        super().__init__(dataset=dataset, current_experience=spec.index)
        self.spec = spec
        self.plan = plan
        self.task_labels = plan.tasks_of(spec)
        self.classes_in_this_experience = list(spec.classes)
        self.previous_classes = list(plan.seen(spec.index))
        self.classes_seen_so_far = list(plan.seen(spec.index + 1))
        # `seen` lists classes in order of appearance: what comes behind those seen is the future.
        everything = plan.seen(len(plan.streams["train"]))
        self.future_classes = list(everything[len(self.classes_seen_so_far) :])

    def candidates(self, n_experiences: int) -> ClassIds:
        """Among which classes this experience is scored after `n_experiences` experiences."""
        return self.plan.candidates(self.spec, n_experiences)


def make_scenario(learner_view: LearnerView) -> CLScenario:
    """The Avalanche benchmark of a plan; samples are (inputs, label or -1, sample id, task)."""
    streams = []
    for name, specs in learner_view.plan.streams.items():
        # Avalanche has no experience without samples: one with an empty validation share is left
        # out of the stream.
        experiences = [_experience(spec, learner_view) for spec in specs if len(spec.ids)]
        streams.append(EagerCLStream(name, experiences))
    scenario = CLScenario(streams)
    for stream in streams:
        stream.benchmark = scenario
    return scenario


def _experience(spec: ExperienceSpec, learner_view: LearnerView) -> Experience:
    plan = learner_view.plan
    # The labels are looked up in `visible_labels` at each access: an experience holds none, so a
    # strategy that reaches a later experience finds -1 there.
    targets = Targets(learner_view.visible_labels, spec.ids)
    tasks = plan.tasks[spec.ids].tolist()
    dataset = TaskAwareSupervisedClassificationDataset(
        [Samples(spec.ids, learner_view.inputs, targets)],
        data_attributes=[
            DataAttribute(targets, "targets"),
            DataAttribute(spec.ids.tolist(), "sample_ids", use_in_getitem=True),
            DataAttribute(tasks, "targets_task_labels", use_in_getitem=True),
        ],
    )
    return Experience(spec, plan, dataset)
