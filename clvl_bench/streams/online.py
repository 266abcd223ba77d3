"""Online: an experience as a row of steps, each an Avalanche experience that is made when its time
comes.

Avalanche's own `split_online_stream` makes a dataset for each step beforehand: at 100,000 steps
these take gigabytes, and every label is in them. A step here holds a few ids, and what has arrived
when it is learned from; nothing is left of it afterwards.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from avalanche.benchmarks.scenarios.dataset_scenario import DatasetExperience
from torch import Tensor

from clvl_bench.streams.plan import ClassIds, steps_of
from clvl_bench.streams.scenario import Experience


@dataclass(frozen=True)
class Arrived:
    """Samples whose label is there: inputs, labels, sample ids and tasks, all [n, ...]. A dataset
    of their own.
    """

    columns: tuple[Tensor, ...]

    @property
    def targets(self) -> list[int]:
        found: list[int] = self.columns[1].tolist()
        return found

    def __len__(self) -> int:
        return len(self.columns[1])

    def __getitem__(self, row: int) -> tuple[Tensor, ...]:
        return tuple(column[row] for column in self.columns)


NO_IDS = torch.empty(0, dtype=torch.long)
NOTHING = Arrived((torch.empty(0), NO_IDS, NO_IDS, torch.empty(0)))


class OnlineStep(DatasetExperience):
    """A part of an experience, under the names of Avalanche's `OnlineCLExperience`.

    `ids` [n] are the samples that it reveals. Its dataset is what has arrived about earlier ones,
    empty until then.
    """

    access_task_boundaries = True

    def __init__(
        self, origin: Experience, ids: Tensor, *, number: int, first: bool, last: bool
    ) -> None:
        super().__init__(dataset=NOTHING, current_experience=origin.current_experience)
        self.ids = ids
        self.number = number
        self.is_first_subexp = first
        self.is_last_subexp = last
        self.origin_experience = origin
        self.origin_stream = origin.origin_stream
        # An experience counts as covered once its last step is: the steps before it cover none.
        covers = origin.spec.covers if last else 0
        self.spec = replace(origin.spec, ids=ids.numpy(), covers=covers)
        self.plan = origin.plan
        self.task_labels = origin.task_labels
        self.classes_in_this_experience = origin.classes_in_this_experience
        self.classes_seen_so_far = origin.classes_seen_so_far

    def candidates(self) -> ClassIds:
        """Among which classes its samples are scored: the experience's own are known by name from
        its start on.
        """
        return self.plan.candidates(self.spec, self.spec.index + 1)

    def arrives(self, arrived: Arrived) -> None:
        """What the learner may learn from at this step."""
        self._dataset = arrived


def steps(experience: Experience, *, size: int, start: int, skip: int = 0) -> Iterator[OnlineStep]:
    """The steps of an experience, from the one behind the first `skip` on; `start` is the number of
    its first.
    """
    ids_of_steps = steps_of(experience.spec.ids, size)
    last = len(ids_of_steps) - 1
    for index in range(skip, len(ids_of_steps)):
        # A copy: nothing that is done to the ids of a step may reach the plan.
        ids = torch.from_numpy(ids_of_steps[index].copy())
        yield OnlineStep(
            experience, ids, number=start + index, first=index == 0, last=index == last
        )
