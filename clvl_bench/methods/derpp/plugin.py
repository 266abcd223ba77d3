"""DER++: dark experience replay: a small memory is rehearsed by label, and by what the model once
said about it.

Buzzega et al. 2020, Dark experience for general continual learning: a strong, simple baseline
(arXiv:2004.07211), equation 6: cross-entropy of the batch, plus alpha times the squared difference
of logits on samples of a reservoir, plus beta times the cross-entropy on others of it. As in the
released code (Mammoth) samples enter after every step, with the logits of that step, and the two
draws are independent. Differs: classes grow and logits are cosines times a large scale, so that
cosines of the classes known then are kept, and compared with today's on these classes alone, times
the squared scale (which is the published difference of logits). No augmentation. Both draws and the
batch go through one forward pass.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods._base.memory import Memory
from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike, iteration_key
from clvl_bench.methods.derpp.config import DerppConfig


class Derpp(Plugin):
    """Dark experience replay for any supervised Avalanche strategy whose model is an adapter.

    Where bytes bound the memory, cosines are counted, and grow with the classes.
    """

    def __init__(self, config: DerppConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.memory = Memory(
            config.samples, "reservoir", seed=context.seed, max_bytes=config.memory_bytes
        )
        self.classes: ClassIds = ()
        """The columns of the kept cosines, in order of appearance."""
        self._scale = context.adapter.backbone.logit_scale
        self._current: list[Tensor] = []
        self._draws: dict[str, tuple[Tensor, ...]] = {}
        self._outputs: dict[str, Tensor] = {}

    def before_training_iteration(self, strategy: StrategyLike, **kwargs: Any) -> None:
        """The samples of both draws join the batch for the forward pass."""
        self._current = strategy.mbatch
        self._draws = {}
        key = iteration_key(strategy)
        count = self.config.batch_size or len(strategy.mbatch[1])
        for name, weight in (("logits", self.config.alpha), ("labels", self.config.beta)):
            if weight and len(self.memory):
                drawn = self.memory.draw(count, *key, name)
                self._draws[name] = tuple(column.to(strategy.device) for column in drawn)
        # The last column of a draw is the kept cosines, which a batch does not have.
        samples = [draw[:-1] for draw in self._draws.values()]
        columns = zip(self._current, *samples, strict=True)
        strategy.mbatch = [torch.cat(column) for column in columns]

    def after_forward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        """From here on the batch is the current one again: its loss, penalties and measures are its
        own.
        """
        sizes = [len(self._current[1]), *(len(draw[1]) for draw in self._draws.values())]
        strategy.mb_output, *outputs = strategy.mb_output.split(sizes)
        strategy.mbatch = self._current
        self._outputs = dict(zip(self._draws, outputs, strict=True))

    def before_backward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        for name, output in self._outputs.items():
            _, labels, *_, cosines = self._draws[name]
            if name == "logits":
                difference = self.difference(output, cosines)
                strategy.loss = strategy.loss + self.config.alpha * difference
            else:
                rehearsed = cross_entropy(output, labels)
                strategy.loss = strategy.loss + self.config.beta * rehearsed

    def difference(self, output: Tensor, cosines: Tensor) -> Tensor:
        """Mean squared difference of logits on the classes that were known when a sample was kept:
        output [n, all classes], kept cosines [n, known classes], minus infinity for what came
        later.
        """
        known = torch.isfinite(cosines)
        now = output[:, list(self.classes)][known]
        return (now - self._scale * cosines[known]).square().mean()

    def after_training_iteration(self, strategy: StrategyLike, **kwargs: Any) -> None:
        """The batch enters the memory with what was said about it in this step."""
        output = strategy.mb_output.detach().cpu()
        scored = torch.nonzero(torch.isfinite(output).any(dim=0)).flatten().tolist()
        self._add_classes([class_id for class_id in scored if class_id not in self.classes])
        cosines = output[:, list(self.classes)] / self._scale
        columns = [*(column.cpu() for column in strategy.mbatch), cosines]
        labels = strategy.mb_y.cpu()
        labelled = torch.nonzero(labels >= 0).flatten()

        def read(rows: Tensor) -> tuple[Tensor, ...]:
            return tuple(column[labelled[rows]] for column in columns)

        self.memory.insert(labels[labelled], read)

    def _add_classes(self, new: list[int]) -> None:
        """Columns for classes that are scored for the first time; of what is kept nothing was said
        about them.
        """
        if not new:
            return
        self.classes = (*self.classes, *new)
        if self.memory.columns:
            *rest, cosines = self.memory.columns
            self.memory.columns = (*rest, pad(cosines, (0, len(new)), value=-torch.inf))

    def state(self) -> State:
        return {"classes": list(self.classes), **self.memory.state()}

    def load(self, state: State) -> None:
        self.classes = tuple(state["classes"])
        self.memory.load(state)

    def kept_bytes(self) -> int:
        return self.memory.kept_bytes()

    def kept_samples(self) -> int:
        return len(self.memory)
