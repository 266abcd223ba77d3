"""Plugin: what else happens while a strategy learns. Avalanche's callbacks, plus what the suite must know of each.

A plugin attaches to any of Avalanche's supervised strategies, `Naive` included.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from avalanche.core import SupervisedPlugin
from numpy.typing import NDArray
from torch import Tensor

from clvl_bench.adapters import Adapter, Classes, State
from clvl_bench.plugins.policy import Policy


@dataclass(frozen=True)
class Said:
    """Pseudo-labels of some unlabelled samples, and which of them are learned from: all [n]. For the evaluator."""

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    kept: NDArray[np.bool_]


class Plugin(SupervisedPlugin):
    """Callbacks, and the state that outlives an experience."""

    wants_unlabelled: bool = False
    """Online: samples whose label is not there yet belong into the minibatch, with the label -1."""
    said: Sequence[Said] = ()
    """What it made of the unlabelled samples of the last step or epoch."""
    policy: Policy | None = None
    """Online, where the choice of a class is rewarded: how this plugin, which learns from rewards, chooses."""

    @property
    def remembers(self) -> bool:
        """Online: whether it can fill a minibatch at a step at which no label arrives."""
        return False

    def state(self) -> State:
        """Tensors and plain values, enough to go on."""
        return {}

    def load(self, state: State) -> None:
        """Take up a state that `state` gave."""

    def kept_bytes(self) -> int:
        """Bytes that outlive an experience, measured from the tensors."""
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


def learned(strategy: Any) -> int:
    """How many experiences of the stream a strategy has learned: the suite's own count, else Avalanche's clock."""
    return int(getattr(strategy, "learned", strategy.clock.train_exp_counter))
