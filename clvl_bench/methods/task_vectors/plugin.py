"""Task vectors: every experience is learned from the same start, and what each learned is added to
it.

Ilharco et al. 2023, Editing models with task arithmetic (arXiv:2212.04089, section 5): start +
scaling * (sum of the task vectors), a task vector being learned weights minus start. The paper
merges models that were learned apart; here the experiences come in turn, and the sum grows with
them, so that one copy is kept and not one an experience. But for the draw of minibatches, the order
of experiences does not matter.
"""

from typing import Any

from clvl_bench.methods._base.adapter import Adapter, State, tensor_bytes
from clvl_bench.methods._base.plugin import Plugin, PluginContext, refuse_without_gradient
from clvl_bench.methods._base.weights import Weights, grown, put, snapshot
from clvl_bench.methods.task_vectors.config import TaskVectorsConfig


class TaskVectors(Plugin):
    """Keeps the start and the sum of the task vectors.

    Args:
        scaling: of the sum; 1 after a single experience is fine-tuning.
    """

    def __init__(self, adapter: Adapter, *, scaling: float = 0.4) -> None:
        super().__init__()
        self.adapter, self.scaling = adapter, scaling
        self._start: Weights = {}
        self._sum: Weights = {}

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        now = snapshot(self.adapter)
        self._start = grown(self._start, now)
        self._sum = grown(
            self._sum, {name: value.new_zeros(value.shape) for name, value in now.items()}
        )
        put(self.adapter, self._start)

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        for name, value in snapshot(self.adapter).items():
            self._sum[name] += value - self._start[name]
        put(
            self.adapter,
            {name: start + self.scaling * self._sum[name] for name, start in self._start.items()},
        )

    def state(self) -> State:
        sums = {f"sum.{name}": value for name, value in self._sum.items()}
        return {**{f"start.{name}": value for name, value in self._start.items()}, **sums}

    def load(self, state: State) -> None:
        self._start = {
            name.removeprefix("start."): value
            for name, value in state.items()
            if name.startswith("start.")
        }
        self._sum = {
            name.removeprefix("sum."): value
            for name, value in state.items()
            if name.startswith("sum.")
        }

    def kept_bytes(self) -> int:
        return tensor_bytes(self.state())


def build(config: TaskVectorsConfig, context: PluginContext) -> TaskVectors:
    refuse_without_gradient(config.kind, context.adapter)
    return TaskVectors(context.adapter, scaling=config.scaling)
