"""Plugin: what else happens while a strategy learns. Avalanche's callbacks, plus what the suite must know of each.

A plugin attaches to any of Avalanche's supervised strategies, `Naive` included.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from avalanche.core import SupervisedPlugin
from torch import Tensor

from clvl_bench.adapters import Adapter, Classes, State
from clvl_bench.errors import Mistake


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

    def kept_samples(self) -> int:
        """How many samples of the past are kept."""
        return 0


@dataclass(frozen=True)
class Reference:
    """Unlabelled general images beside the stream, and the classes whose texts go with them.

    `ids` [n] are their sample ids, `inputs` gives what the strategy reads for some ids, `features` [n, width] what the
    frozen image tower says about each.
    """

    ids: Tensor
    inputs: Callable[[Tensor], Tensor]
    features: Tensor
    classes: Classes

    def kept_bytes(self) -> int:
        """A copy of the images as they are read, and the teacher's features."""
        one = self.inputs(self.ids[:1])
        return len(self.ids) * one.numel() * one.element_size() + self.features.numel() * self.features.element_size()


@dataclass(frozen=True)
class Surroundings:
    """What a plugin may be built from: the adapter it helps, the reference set where the benchmark has one, the seed."""

    adapter: Adapter
    reference: Reference | None
    seed: int


def refuse_without_gradient(kind: str, adapter: Adapter) -> None:
    """A plugin that works on the loss has none to work on.

    Raises:
        Mistake: the adapter follows no gradient.
    """
    if adapter.learns != "gradient":
        raise Mistake(
            f"plugin '{kind}' works on the loss, and this adapter learns without a gradient; "
            "choose an adapter that trains, for example linear, prompt or full"
        )


def learned(strategy: Any) -> int:
    """How many experiences of the stream a strategy has learned: the suite's own count, else Avalanche's clock."""
    return int(getattr(strategy, "learned", strategy.clock.train_exp_counter))
