"""Task vectors: what every experience moved the weights by, merged, is added to the start.

Ilharco et al. 2023, Editing models with task arithmetic (arXiv:2212.04089, section 5): start +
scaling * (sum of the task vectors), a task vector being learned weights minus start. The paper
merges models that were learned apart; here the experiences come in turn, and the merged vector
grows with them, so that copies are kept and not one an experience. But for the draw of minibatches,
the order of experiences does not matter.

Marczak et al. 2024, MagMax (arXiv:2407.06322): each experience is learned from the weights that the
one before left (`start = "previous"`), and of each weight the largest move from the start counts.
Task vectors are still counted from the weights before the first experience. Differs from the
released code: gradients are not clipped, and buffers of the towers are left alone.
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
from clvl_bench.methods.task_vectors.merging import merging_of


class TaskVectors(Plugin):
    """Keeps the start, what task vectors are together, and with `start = "previous"` the weights as
    learned last. With a scaling of 1 a single experience is fine-tuning (but for TIES, which drops
    small moves).
    """

    def __init__(self, config: TaskVectorsConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.adapter = context.adapter
        self._start: Weights = {}
        self._previous: Weights = {}
        self._merging = merging_of(config)

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        now = snapshot(self.adapter)
        self._start = grown(self._start, now)
        # Empty before the first experience, and always where each one begins at the start.
        previous = self._previous or self._start
        put(self.adapter, grown(previous, now))

    def after_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        learned = snapshot(self.adapter)
        self._merging.add({name: learned[name] - start for name, start in self._start.items()})
        if self.config.start == "previous":
            self._previous = learned
        scaling = self.config.scaling
        moves = self._merging.merged()
        merged = {name: start + scaling * moves[name] for name, start in self._start.items()}
        put(self.adapter, merged)

    def state(self) -> State:
        return {
            **prefixed("start.", self._start),
            **prefixed("previous.", self._previous),
            **self._merging.state(),
        }

    def load(self, state: State) -> None:
        self._start = without_prefix("start.", state)
        self._previous = without_prefix("previous.", state)
        self._merging.load(state)

    def kept_bytes(self) -> int:
        return tensor_bytes(self.state())
