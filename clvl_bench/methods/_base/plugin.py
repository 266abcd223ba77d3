"""Plugin: what else happens while a strategy learns. Avalanche's callbacks, plus what the suite
must know of each.

A plugin attaches to any of Avalanche's supervised strategies, `Naive` included.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from avalanche.core import SupervisedPlugin
from numpy.typing import NDArray
from torch import Tensor, nn

from clvl_bench.backbones.teacher import Teacher
from clvl_bench.core.errors import Mistake
from clvl_bench.core.rng import rng
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State
from clvl_bench.methods._base.policy import Policy


@dataclass(frozen=True)
class PseudoLabels:
    """Pseudo-labels of some unlabelled samples, and which of them are learned from, for the
    evaluator: all [n].
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    kept: NDArray[np.bool_]


class Plugin(SupervisedPlugin):
    """Callbacks, and the state that outlives an experience.

    The plugin of a method is made from its settings and a context, in this order: `__init__(self,
    config, context)`. What must hold before it is made stands in the settings' class
    (`needs_gradient`, `needs_reference`), what only it can know in its `__init__`.

    Example:
        >>> import clvl_bench as cb
        >>> class Counting(cb.Plugin):
        ...     steps = 0
        ...     def after_training_iteration(self, strategy, **kwargs):
        ...         self.steps += 1
        >>> Counting().kept_bytes()
        0
    """

    wants_unlabelled: bool = False
    """Online, samples whose label is not there yet belong into the minibatch, with the label -1."""
    pseudo_labels: Sequence[PseudoLabels] = ()
    """What it made of the unlabelled samples of the last step or epoch."""
    policy: Policy | None = None
    """Online, where the choice of a class is rewarded, how this plugin, which learns from rewards,
    chooses."""

    @property
    def remembers(self) -> bool:
        """Whether it, online, can fill a minibatch at a step at which no label arrives."""
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
        drawn = rng("reference set", seed).permutation(len(self.ids))[:size]
        rows = torch.from_numpy(np.sort(drawn))
        on_device = rows.to(self.features.device)
        return replace(
            self,
            ids=self.ids[rows],
            features=self.features[on_device],
            untouched=self.untouched[on_device],
        )

    def kept_bytes(self) -> int:
        """A copy of the images as they are read, the teacher's features, and the captions."""
        image = self.inputs(self.ids[:1])
        images = len(self.ids) * image.numel() * image.element_size()
        features = self.features.numel() * self.features.element_size()
        captions = sum(len(caption.encode()) for caption in self.captions)
        return images + features + captions


@dataclass(frozen=True)
class PluginContext:
    """What a plugin is made from beside its settings. Under Avalanche's own strategies it is made
    by hand: `Ewc(EwcConfig(), PluginContext(adapter))`.

    Args:
        model: the model of the strategy. Most plugins want an adapter; the others take any.
        reference: the reference set of the benchmark, for what learns from one.
        seed: of whatever the plugin draws.
        teacher: what the frozen image tower says [n, width] about samples by their ids.
        distils_from: the frozen backbone that the strategy names to learn from, or else the
            untouched one.
    """

    model: nn.Module | None = None
    reference: Reference | None = None
    seed: int = 0
    teacher: Callable[[Tensor], Tensor] | None = None
    distils_from: Teacher | None = None

    @property
    def adapter(self) -> Adapter:
        """The model, for a plugin that works on an adapter.

        Raises:
            Mistake: there is none, or it is another module.
        """
        if not isinstance(self.model, Adapter):
            got = "none" if self.model is None else f"a {type(self.model).__name__}"
            raise Mistake(
                f"model: got {got}, and this plugin works on an adapter; make one with "
                "build_adapter, and give PluginContext(adapter)"
            )
        return self.model

    @property
    def learns_by_gradient(self) -> bool:
        """Whether the model has a loss at all: some adapters learn in closed form, some nothing."""
        return not isinstance(self.model, Adapter) or self.model.learns == "gradient"
