"""Merging task vectors one at a time: what is kept does not grow with their number.

A task vector is what training moved each weight by. A head that grows brings new rows, which no
earlier vector moved: they were zero there.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from clvl_bench.methods._base.adapter import State
from clvl_bench.methods._base.weights import Weights, grown, prefixed, without_prefix
from clvl_bench.methods.task_vectors.config import TaskVectorsConfig


class Merging(ABC):
    """Takes up task vectors and says what they are together.

    `kept` has, for each name in `parts`, one tensor a weight.
    """

    parts: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        self.kept: dict[str, Weights] = {part: {} for part in self.parts}

    def add(self, vector: Weights) -> None:
        """One more task vector."""
        for part, kept in self.kept.items():
            # Made anew for each part: it becomes what the part keeps.
            nothing = {name: torch.zeros_like(value) for name, value in vector.items()}
            self.kept[part] = grown(kept, nothing)
        self._take_up(vector)

    @abstractmethod
    def _take_up(self, vector: Weights) -> None:
        """Change what is kept; it has the vector's shapes by now."""

    @abstractmethod
    def merged(self) -> Weights:
        """All vectors so far as one."""

    def state(self) -> State:
        state: State = {}
        for part, kept in self.kept.items():
            state |= prefixed(f"{part}.", kept)
        return state

    def load(self, state: State) -> None:
        self.kept = {part: without_prefix(f"{part}.", state) for part in self.parts}


class Sum(Merging):
    """The sum (Ilharco et al. 2023, arXiv:2212.04089)."""

    parts = ("sum",)

    def _take_up(self, vector: Weights) -> None:
        for name, value in vector.items():
            self.kept["sum"][name] += value

    def merged(self) -> Weights:
        return self.kept["sum"]


class Mean(Sum):
    """The mean over all vectors so far."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def add(self, vector: Weights) -> None:
        super().add(vector)
        self.count += 1

    def merged(self) -> Weights:
        return {name: total / self.count for name, total in self.kept["sum"].items()}

    def state(self) -> State:
        return {**super().state(), "count": self.count}

    def load(self, state: State) -> None:
        super().load(state)
        self.count = state["count"]


class LargestMove(Merging):
    """Of each weight the move of largest magnitude, of equal ones the latest (MagMax; Marczak et
    al. 2024, arXiv:2407.06322). A maximum is a running one: no vector need be kept.
    """

    parts = ("largest",)

    def _take_up(self, vector: Weights) -> None:
        largest = self.kept["largest"]
        for name, value in vector.items():
            is_larger = value.abs() >= largest[name].abs()
            largest[name] = torch.where(is_larger, value, largest[name])

    def merged(self) -> Weights:
        return self.kept["largest"]


class ElectedDirection(Merging):
    """TIES (Yadav et al. 2023, arXiv:2306.01708): of each vector the largest moves alone; of each
    weight the direction in which these went further in sum; the mean of those that went there.

    A weight whose moves cancel, or that has none, goes where most others go. As released, the share
    kept is one weight more. Sums and counts of both directions are all that this needs, so that it
    streams; they are four tensors a weight.
    """

    parts = ("up", "up_count", "down", "down_count")

    def __init__(self, kept_share: float) -> None:
        super().__init__()
        self._kept_share = kept_share

    def _take_up(self, vector: Weights) -> None:
        smallest = smallest_kept(vector, self._kept_share)
        for name, value in vector.items():
            trimmed = torch.where(value.abs() >= smallest, value, 0.0)
            self.kept["up"][name] += trimmed.clamp(min=0)
            self.kept["up_count"][name] += trimmed > 0
            self.kept["down"][name] += trimmed.clamp(max=0)
            self.kept["down_count"][name] += trimmed < 0

    def merged(self) -> Weights:
        up, down = self.kept["up"], self.kept["down"]
        directions = {name: torch.sign(up[name] + down[name]) for name in up}
        majority = torch.stack([each.sum() for each in directions.values()]).sum()
        merged = {}
        for name, direction in directions.items():
            goes_up = torch.where(direction == 0, majority, direction) > 0
            total = torch.where(goes_up, up[name], down[name])
            count = torch.where(goes_up, self.kept["up_count"][name], self.kept["down_count"][name])
            merged[name] = total / count.clamp(min=1)
        return merged


def smallest_kept(vector: Mapping[str, Tensor], share: float) -> Tensor:
    """The magnitude from which on a move is among the largest of the whole vector."""
    magnitudes = torch.cat([value.abs().flatten() for value in vector.values()])
    dropped = len(magnitudes) - int(len(magnitudes) * share)
    return magnitudes.kthvalue(max(dropped, 1)).values


def merging_of(config: TaskVectorsConfig) -> Merging:
    """What the settings ask for."""
    match config.merge:
        case "sum":
            return Sum()
        case "mean":
            return Mean()
        case "max":
            return LargestMove()
        case "ties":
            return ElectedDirection(config.kept_share)
