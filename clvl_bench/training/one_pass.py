"""One pass: experiences that stand behind each other in an evaluation and are scored among the same
classes are read and scored in one batch.

Where a stream has many small experiences, each evaluation reads and scores them all: a batch for
each would cost more than its samples do.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from clvl_bench.streams.plan import ClassIds, ExperienceSpec

LEAST = 8
"""Samples of an experience that goes with others. A matrix product of very few rows takes another
way through the library, and its last bits are others than those of the same rows among many."""

Key = tuple[str, int]
"""Stream and index of an experience."""


class OnePass:
    """Experiences whose samples are one batch; each has its rows of it.

    Inputs and scores are there from the first time that they are asked for.
    """

    def __init__(self, specs: Sequence[ExperienceSpec]) -> None:
        self._ids = torch.from_numpy(np.concatenate([spec.ids for spec in specs]))
        self._sizes = [len(spec.ids) for spec in specs]
        self._place = {spec.index: place for place, spec in enumerate(specs)}
        self._whole: Tensor | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._scores: tuple[Tensor, ...] = ()

    def inputs(self, spec: ExperienceSpec, read: Callable[[Tensor], Tensor]) -> Tensor:
        """What is read of an experience's samples [n, ...].

        Args:
            read: gives what is read of samples by their ids.
        """
        if self._whole is None:
            self._whole = read(self._ids)
            self._inputs = self._whole.split(self._sizes)
        return self._inputs[self._place[spec.index]]

    def gave(self, spec: ExperienceSpec, inputs: Tensor) -> bool:
        """Whether these are the inputs that it gave: a plugin may put others in their place."""
        return bool(self._inputs) and inputs is self._inputs[self._place[spec.index]]

    def scores(self, spec: ExperienceSpec, score: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The scores of an experience's samples [n, classes], whose inputs were given.

        Args:
            score: gives the scores of inputs and the ids of their samples.
        """
        if not self._scores:
            assert self._whole is not None
            self._scores = score(self._whole, self._ids).split(self._sizes)
        return self._scores[self._place[spec.index]]


def passes(
    specs: Iterable[ExperienceSpec],
    candidates: Callable[[ExperienceSpec], ClassIds],
    *,
    size: int,
) -> dict[Key, OnePass]:
    """The pass of each experience that goes with others.

    Args:
        specs: of an evaluation, in its order.
        candidates: among which classes the samples of an experience are scored.
        size: samples that are scored together at most.
    """
    found: dict[Key, OnePass] = {}
    for group in _groups(specs, candidates, size):
        if len(group) > 1:
            together = OnePass(group)
            found.update({(spec.stream, spec.index): together for spec in group})
    return found


def _groups(
    specs: Iterable[ExperienceSpec], candidates: Callable[[ExperienceSpec], ClassIds], size: int
) -> list[list[ExperienceSpec]]:
    """Neighbours of one stream that have the same candidates and fit into one batch."""
    groups: list[list[ExperienceSpec]] = []
    before: tuple[str, ClassIds] | None = None
    room = 0
    for spec in specs:
        here = (spec.stream, candidates(spec))
        n = len(spec.ids)
        if n < LEAST or here != before or n > room:
            groups.append([])
            room = size
        groups[-1].append(spec)
        room -= n
        # Behind one of very few samples a new group begins.
        before = here if n >= LEAST else None
    return groups
