"""Schedules: the learning rate of each step of an experience, as a function of the settings."""

import math
from dataclasses import dataclass

from clvl_bench.training.config import TrainConfig


@dataclass(frozen=True)
class Position:
    """Where in an experience a step stands: all counted from 0."""

    step: int
    steps: int
    epoch: int
    epochs: int

    @property
    def steps_an_epoch(self) -> int:
        """Steps of a whole epoch; the last one may have less."""
        return math.ceil(self.steps / self.epochs)


def learning_rate(train: TrainConfig, rate: float, at: Position) -> float:
    """The rate of a step; `rate` is the one that the schedule begins with.

    By epoch, half a cosine is PyTorch's CosineAnnealingLR over all epochs, begun behind the warm-up
    (Dassl, which CoOp and its kin are written with), so that it does not come down to 0. A quarter
    of a cosine ends at cos(0.99 pi / 2) in the last epoch (CODA-Prompt).
    """
    if at.epoch < train.warmup_epochs:
        return train.warmup_lr
    if at.step < train.warmup_steps:
        return rate * (at.step + 1) / train.warmup_steps
    if train.schedule == "constant":
        return rate
    epoch = at.epoch - train.warmup_epochs
    if train.schedule == "cosine_by_epoch":
        return rate * 0.5 * (1 + math.cos(math.pi * epoch / at.epochs))
    if train.schedule == "quarter_cosine_by_epoch":
        return rate * math.cos(0.99 * math.pi / 2 * epoch / max(1, at.epochs - 1))
    warm = train.warmup_steps + train.warmup_epochs * at.steps_an_epoch
    angle = math.pi * (at.step - warm) / max(1, at.steps - warm)
    return rate * 0.5 * (1 + math.cos(angle))
