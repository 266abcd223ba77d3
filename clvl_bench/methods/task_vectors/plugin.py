"""Task vectors: every experience is learned from the same start, and what each learned is added to
it.

Ilharco et al. 2023, Editing models with task arithmetic (arXiv:2212.04089, section 5): start +
scaling * (sum of the task vectors), a task vector being learned weights minus start. The paper
merges models that were learned apart; here the experiences come in turn, and the sum grows with
them, so that one copy is kept and not one an experience. But for the draw of minibatches, the order
of experiences does not matter.
"""

from typing import Any

from clvl_bench.methods._base.adapter import State, tensor_bytes
from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import (
    Weights,
    grown,
    prefixed,
    put,
    snapshot,
    without_prefix,
)
from clvl_bench.methods.task_vectors.config import TaskVectorsConfig


class TaskVectors(Plugin):
    """Keeps the start and the sum of the task vectors. With a scaling of 1 a single experience is
    fine-tuning.
    """

    def __init__(self, config: TaskVectorsConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.adapter = context.adapter
        self._start: Weights = {}
        self._sum: Weights = {}

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        now = snapshot(self.adapter)
        nothing = {name: value.new_zeros(value.shape) for name, value in now.items()}
        self._start = grown(self._start, now)
        self._sum = grown(self._sum, nothing)
        put(self.adapter, self._start)

    def after_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        for name, value in snapshot(self.adapter).items():
            self._sum[name] += value - self._start[name]
        scaling = self.config.scaling
        merged = {name: start + scaling * self._sum[name] for name, start in self._start.items()}
        put(self.adapter, merged)

    def state(self) -> State:
        return {**prefixed("start.", self._start), **prefixed("sum.", self._sum)}

    def load(self, state: State) -> None:
        self._start = without_prefix("start.", state)
        self._sum = without_prefix("sum.", state)

    def kept_bytes(self) -> int:
        return tensor_bytes(self.state())
