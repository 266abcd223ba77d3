"""Plugin: what else happens while a strategy learns. Avalanche's callbacks, plus what the suite
must know of each.

A plugin attaches to any of Avalanche's supervised strategies, `Naive` included.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from avalanche.core import SupervisedPlugin
from numpy.typing import NDArray
from torch import Tensor

from clvl_bench.backbones.teacher import Teacher
from clvl_bench.core.errors import Mistake
from clvl_bench.core.rng import rng
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State
from clvl_bench.methods._base.policy import Policy


@dataclass(frozen=True)
class PseudoLabels:
    """Pseudo-labels of some unlabelled samples, and which of them are learned from: all [n]. For
    the evaluator.
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    kept: NDArray[np.bool_]


class Plugin(SupervisedPlugin):
    """Callbacks, and the state that outlives an experience."""

    wants_unlabelled: bool = False
    """Online: samples whose label is not there yet belong into the minibatch, with the label -1."""
    pseudo_labels: Sequence[PseudoLabels] = ()
    """What it made of the unlabelled samples of the last step or epoch."""
    policy: Policy | None = None
    """Online, where the choice of a class is rewarded: how this plugin, which learns from rewards,
    chooses."""

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

    def kept_samples(self) -> int:
        """How many samples of the past are kept."""
        return 0


@dataclass(frozen=True)
class Reference:
    """Unlabelled general images beside the stream, and the texts that go with them: those of
    classes, or captions.

    `ids` [n] are their sample ids, `inputs` gives what the strategy reads for some ids, `features`
    [n, teacher width] what the teacher says about each, `untouched` [n, width] what the strategy's
    own backbone says before it learns.
    """

    ids: Tensor
    inputs: Callable[[Tensor], Tensor]
    features: Tensor
    classes: ClassIds
    teacher: Teacher
    untouched: Tensor
    captions: tuple[str, ...] = ()

    def some(self, size: int | None, seed: int) -> "Reference":
        """The same with that many of its images, drawn by the seed; all of them if None."""
        if size is None or size >= len(self.ids):
            return self
        rows = torch.from_numpy(
            np.sort(rng("reference set", seed).permutation(len(self.ids))[:size])
        )
        there = rows.to(self.features.device)
        return replace(
            self, ids=self.ids[rows], features=self.features[there], untouched=self.untouched[there]
        )

    def kept_bytes(self) -> int:
        """A copy of the images as they are read, the teacher's features, and the captions."""
        one = self.inputs(self.ids[:1])
        images = (
            len(self.ids) * one.numel() * one.element_size()
            + self.features.numel() * self.features.element_size()
        )
        return images + sum(len(caption.encode()) for caption in self.captions)


@dataclass(frozen=True)
class PluginContext:
    """What a plugin may be built from: the adapter it helps, the reference set where the benchmark
    has one, the seed, and what the frozen image tower says [n, width] about samples by their
    ids.
    """

    adapter: Adapter
    reference: Reference | None
    seed: int
    teacher: Callable[[Tensor], Tensor] | None = None


def refuse_without_gradient(kind: str, adapter: Adapter) -> None:
    """A plugin that works on the loss has none to work on; what it rehearses would be counted once
    more.

    Raises:
        Mistake: the adapter follows no gradient.
    """
    if adapter.learns != "gradient":
        raise Mistake(
            f"plugin '{kind}' works on the loss, and this adapter learns without a gradient; "
            "choose an adapter that trains, for example linear, prompt or full"
        )


def n_experiences(strategy: Any) -> int:
    """How many experiences of the stream a strategy has learned: the suite's own count, else
    Avalanche's clock.
    """
    return int(getattr(strategy, "n_experiences", strategy.clock.train_exp_counter))
