"""Mean teacher: the student agrees with a moving average of itself on what has no label.

Tarvainen & Valpola 2017 (arXiv:1703.01780): CE on labels + w(t) MSE(softmax student, softmax
teacher), the teacher's weights an exponential moving average, w ramped up linearly. Only trained
parameters are averaged. Differs: nothing is dropped out, so that on cached features both see the
same and differ by their weights alone.
"""

from typing import Any

import torch
from torch import Tensor

from clvl_bench.methods._base.adapter import State
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.pseudo_labels import Average, Unlabelled, student_scores
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods.mean_teacher.config import MeanTeacherConfig


class MeanTeacher(Unlabelled):
    """Momentum 0: the teacher is the student of the step before; 1: it stays as it began.

    Works on any model.
    """

    def __init__(self, config: MeanTeacherConfig, context: PluginContext) -> None:
        super().__init__(config.weight)
        self.config = config
        self.teacher = Average(config.momentum, ramped=config.momentum < 1)

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self.teacher.align(strategy.model)

    def loss(self, strategy: StrategyLike, rows: Tensor) -> Tensor:
        taught = self.teacher.scores(strategy.model, strategy.mb_x)[rows]
        student = student_scores(strategy, rows)
        scored = torch.isfinite(student)
        taught = taught.masked_fill(~scored, -torch.inf).softmax(dim=1)
        labels = taught.argmax(dim=1)
        self.says(strategy, rows, labels, labels >= 0)
        ramp = min(1.0, (self.teacher.steps + 1) / self.config.ramp_steps)
        squared = (student.softmax(dim=1) - taught).square().sum(dim=1)
        # The mean over a row's candidates: how many other classes the benchmark has must not weaken
        # it.
        return ramp * (squared / scored.sum(dim=1)).mean()

    def after_update(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self.teacher.update(strategy.model)

    def state(self) -> State:
        return self.teacher.state()

    def load(self, state: State) -> None:
        self.teacher.load(state)

    def kept_bytes(self) -> int:
        return self.teacher.kept_bytes()
