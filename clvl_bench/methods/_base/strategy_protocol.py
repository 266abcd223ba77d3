"""What a plugin may ask of the strategy that calls it: protocols, so that callbacks have types.

`StrategyLike` is what every supervised strategy of Avalanche has, `Naive` included, so a plugin
that asks for no more works in each of them. The other two name what only strategies of this suite
have; a plugin that asks for one of them says so in its docstring.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clvl_bench.methods._base.adapter import Adapter, ClassIds


class Clock(Protocol):
    """Avalanche's counts of what was trained; they are part of each random key."""

    train_exp_counter: int
    """Experiences (online: steps) before this one."""
    train_exp_epochs: int
    """Epochs of this experience before this one."""
    train_exp_iterations: int
    """Iterations of this experience before this one."""
    train_epoch_iterations: int
    """Iterations of this epoch before this one."""
    train_iterations: int
    """Iterations of the strategy's life before this one."""


class Batches(Protocol):
    """The minibatches of an epoch."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[list[Tensor]]: ...


class LabelledDataset(Protocol):
    """An experience's samples: rows of (inputs, label, ..., task)."""

    targets: Sequence[int]
    """One label a sample, -1 where it has not arrived."""
    sample_ids: Sequence[int]
    """Of the suite's benchmarks: the sample's number in the stream."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> Sequence[Any]: ...


class ExperienceLike(Protocol):
    """An experience of any of Avalanche's benchmarks with classes."""

    @property
    def dataset(self) -> LabelledDataset: ...

    @property
    def classes_in_this_experience(self) -> Sequence[int]: ...


class StrategyLike(Protocol):
    """A supervised strategy of Avalanche in the middle of its loop.

    `mbatch` holds columns (inputs, labels, ..., task), of which `mb_x` and `mb_y` are the first
    two; a plugin may replace it before the forward pass. `mb_output` [batch, classes] is what the
    model said of it. To `loss` a plugin adds its own before the gradient is taken.
    """

    mbatch: list[Tensor]
    mb_output: Tensor
    loss: Tensor
    train_epochs: int
    dataloader: Batches

    @property
    def model(self) -> nn.Module: ...

    @property
    def optimizer(self) -> torch.optim.Optimizer: ...

    @property
    def experience(self) -> ExperienceLike: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def plugins(self) -> Sequence[object]: ...

    @property
    def device(self) -> str | torch.device: ...

    @property
    def mb_x(self) -> Tensor: ...

    @property
    def mb_y(self) -> Tensor: ...

    @property
    def train_mb_size(self) -> int: ...

    def criterion(self) -> Tensor:
        """The strategy's own loss of the batch in hand."""


class PlannedSamples(Protocol):
    """Which samples an experience of the suite consists of: their ids [n]."""

    @property
    def ids(self) -> NDArray[np.int64]: ...


class SuiteExperience(ExperienceLike, Protocol):
    """An experience of the suite's benchmarks, which knows its samples by id."""

    @property
    def spec(self) -> PlannedSamples: ...


class SuiteStrategy(StrategyLike, Protocol):
    """A strategy on a benchmark of the suite: the third column of its minibatch is sample ids."""

    @property
    def experience(self) -> SuiteExperience: ...


class ArrivedSamples(LabelledDataset, Protocol):
    """The samples of a step whose label has just arrived, as columns (inputs, labels, ids,
    tasks).
    """

    @property
    def columns(self) -> tuple[Tensor, ...]: ...


class OnlineExperience(ExperienceLike, Protocol):
    """A step of an online stream."""

    @property
    def dataset(self) -> ArrivedSamples: ...


class PredictionLike(Protocol):
    """What the model said of the samples of this step before anything was known of them: `scores`
    [n, classes] are minus infinity for what was no candidate.
    """

    @property
    def inputs(self) -> Tensor: ...

    @property
    def scores(self) -> Tensor: ...

    @property
    def candidates(self) -> ClassIds: ...


class FeedbackLike(Protocol):
    """What arrived at this step about earlier samples, one row each [n, ...]."""

    @property
    def inputs(self) -> Tensor: ...

    @property
    def actions(self) -> Tensor: ...

    @property
    def propensities(self) -> Tensor: ...

    @property
    def rewards(self) -> Tensor: ...

    @property
    def ids(self) -> Tensor: ...

    @property
    def tasks(self) -> Tensor: ...


class OnlineStrategyLike(StrategyLike, Protocol):
    """The suite's online strategy, each of whose trainings is one step of a stream."""

    @property
    def adapter(self) -> Adapter: ...

    @property
    def experience(self) -> OnlineExperience: ...

    @property
    def prediction(self) -> PredictionLike: ...

    @property
    def feedback(self) -> FeedbackLike: ...

    @property
    def rewarding(self) -> bool:
        """Whether rewards arrive in the place of labels."""


def n_experiences(strategy: StrategyLike) -> int:
    """How many experiences of the stream a strategy has learned: the suite's own count, else
    Avalanche's clock.
    """
    return int(getattr(strategy, "n_experiences", strategy.clock.train_exp_counter))


def iteration_key(strategy: StrategyLike) -> tuple[int, int, int]:
    """Experience, epoch and iteration: the part of a random key that differs from step to step."""
    clock = strategy.clock
    return clock.train_exp_counter, clock.train_exp_epochs, clock.train_epoch_iterations
