"""Plugin: what else happens while a strategy learns. Avalanche's callbacks, plus what the suite must know of each.

A plugin attaches to any of Avalanche's supervised strategies, `Naive` included.
"""

from typing import Any

from avalanche.core import SupervisedPlugin

from clvl_bench.adapters import State


class Plugin(SupervisedPlugin):
    """Callbacks, and the state that outlives an experience."""

    def state(self) -> State:
        """Tensors and plain values, enough to go on."""
        return {}

    def load(self, state: State) -> None:
        """Take up a state that `state` gave."""

    def kept_bytes(self) -> int:
        """Bytes that outlive an experience, measured from the tensors."""
        return 0


def learned(strategy: Any) -> int:
    """How many experiences of the stream a strategy has learned: the suite's own count, else Avalanche's clock."""
    return int(getattr(strategy, "learned", strategy.clock.train_exp_counter))
