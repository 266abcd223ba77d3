"""What was heard of a run: notes, each with its moment, and what an object is as bytes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clvl_bench.audits.reach import Copies, Facts
from clvl_bench.records.result import Result
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.setup import Prepared, Sources

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Moment:
    """Training or evaluating which experience (its stream and place in it), after how many were
    learned.
    """

    training: bool
    stream: str
    index: int
    trained: int
    covers: int

    def __str__(self) -> str:
        doing = "training on" if self.training else "evaluating"
        return f"{doing} {self.stream} {self.index} with {self.trained} learned"


@dataclass(repr=False)
class Heard:
    """Everything noted of a run; a moment stands before each note.

    `towers` is the backbone before anybody trained; `reached` and `visible_labels` are as they were
    where the walk was taken; `copies` are the past samples found there, by the place of each copy;
    `states` are those at the end of each training.
    """

    config: RunConfig
    results: Path
    sources: Sources
    after_build: Callable[[Any, Prepared], None]
    prepared: Prepared = field(init=False)
    towers: dict[str, bytes] = field(default_factory=dict)
    strategy: Any = None
    result: Result | None = None
    scored: list[tuple[Moment, set[int]]] = field(default_factory=list)
    asked: list[tuple[Moment, tuple[int, ...]]] = field(default_factory=list)
    read: list[tuple[Moment | None, Ids]] = field(default_factory=list)
    evaluated: dict[tuple[Moment, int], Tensor] = field(default_factory=dict)
    moved: list[tuple[Moment, set[str]]] = field(default_factory=list)
    declared: list[tuple[Moment, set[str], set[int]]] = field(default_factory=list)
    reached: Facts = field(default_factory=dict)
    copies: Copies = field(default_factory=dict)
    kept_samples: int = 0
    visible_labels: Ids | None = None
    walked_after: int = 0
    states: list[dict[str, bytes]] = field(default_factory=list)


def columns(scores: Tensor) -> set[int]:
    """Classes that any sample of a batch has a score for."""
    return set(torch.nonzero(~torch.isneginf(scores).all(dim=0)).flatten().tolist())


def bits(adapter: Any) -> dict[str, bytes]:
    return {
        name: weight.detach().cpu().numpy().tobytes() for name, weight in adapter.named_parameters()
    }


def state_bits(strategy: Any) -> dict[str, bytes]:
    """All that outlives the experience, as bytes."""
    return {
        f"{part}/{name}": value.detach().cpu().numpy().tobytes()
        if isinstance(value, Tensor)
        else repr(value).encode()
        for part, state in strategy.state().items()
        for name, value in state.items()
    }
