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

from clvl_bench.methods._base.adapter import Adapter, ClassIds, State
from clvl_bench.methods._base.memory import Memory
from clvl_bench.methods._base.plugin import Plugin, PluginContext, refuse_without_gradient
from clvl_bench.methods.derpp.config import DerppConfig


class Derpp(Plugin):
    """Dark experience replay for any supervised Avalanche strategy whose model is an adapter.

    Args:
        adapter: the model.
        memory_size: samples kept.
        memory_bytes: if given, bytes kept in place of a number of samples; logits are counted, and
            grow with the classes.
        alpha: of the difference of logits.
        beta: of the cross-entropy.
        batch_size: samples of each draw; as many as the batch holds if None.
    """

    def __init__(
        self,
        adapter: Adapter,
        memory_size: int = 500,
        *,
        memory_bytes: int | None = None,
        alpha: float = 0.3,
        beta: float = 0.5,
        batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.memory = Memory(memory_size, "reservoir", seed=seed, max_bytes=memory_bytes)
        self.alpha, self.beta, self.batch_size = alpha, beta, batch_size
        self.classes: ClassIds = ()
        """The columns of the kept cosines, in order of appearance."""
        self._scale = adapter.backbone.logit_scale
        self._current: list[Tensor] = []
        self._draws: dict[str, tuple[Tensor, ...]] = {}
        self._outputs: dict[str, Tensor] = {}

    def before_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        """The samples of both draws join the batch for the forward pass."""
        clock, self._current, self._draws = strategy.clock, strategy.mbatch, {}
        key = (clock.train_exp_counter, clock.train_exp_epochs, clock.train_epoch_iterations)
        count = self.batch_size or len(strategy.mbatch[1])
        for name, weight in (("logits", self.alpha), ("labels", self.beta)):
            if weight and len(self.memory):
                self._draws[name] = tuple(
                    column.to(strategy.device) for column in self.memory.draw(count, *key, name)
                )
        samples = [draw[:-1] for draw in self._draws.values()]
        strategy.mbatch = [
            torch.cat(column) for column in zip(self._current, *samples, strict=True)
        ]

    def after_forward(self, strategy: Any, **kwargs: Any) -> None:
        """From here on the batch is the current one again: its loss, penalties and measures are its
        own.
        """
        sizes = [len(self._current[1]), *(len(draw[1]) for draw in self._draws.values())]
        strategy.mb_output, *outputs = strategy.mb_output.split(sizes)
        strategy.mbatch, self._outputs = self._current, dict(zip(self._draws, outputs, strict=True))

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        for name, output in self._outputs.items():
            _, labels, *_, cosines = self._draws[name]
            if name == "logits":
                strategy.loss = strategy.loss + self.alpha * self.difference(output, cosines)
            else:
                strategy.loss = strategy.loss + self.beta * cross_entropy(output, labels)

    def difference(self, output: Tensor, cosines: Tensor) -> Tensor:
        """Mean squared difference of logits where there was one: output [n, table], kept cosines
        [n, classes].
        """
        there = torch.isfinite(cosines)
        now = output[:, list(self.classes)][there]
        return (now - self._scale * cosines[there]).square().mean()

    def after_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        """The batch enters the memory with what was said about it in this step."""
        output = strategy.mb_output.detach().cpu()
        scored = torch.nonzero(torch.isfinite(output).any(dim=0)).flatten().tolist()
        new = [place for place in scored if place not in self.classes]
        if new:
            self.classes = (*self.classes, *new)
            if self.memory.columns:  # what is kept knew nothing of them
                *rest, cosines = self.memory.columns
                self.memory.columns = (*rest, pad(cosines, (0, len(new)), value=-torch.inf))
        labels = strategy.mb_y.cpu()
        known = torch.nonzero(labels >= 0).flatten()
        columns = [
            *(column.cpu() for column in strategy.mbatch),
            output[:, list(self.classes)] / self._scale,
        ]
        self.memory.insert(
            labels[known], lambda rows: tuple(column[known[rows]] for column in columns)
        )

    def state(self) -> State:
        return {"classes": list(self.classes), **self.memory.state()}

    def load(self, state: State) -> None:
        self.classes = tuple(state["classes"])
        self.memory.load(state)

    def kept_bytes(self) -> int:
        return self.memory.kept_bytes()

    def kept_samples(self) -> int:
        return len(self.memory)


def build(config: DerppConfig, context: PluginContext) -> Derpp:
    refuse_without_gradient(config.kind, context.adapter)
    return Derpp(
        context.adapter,
        config.samples,
        memory_bytes=config.memory_bytes,
        alpha=config.alpha,
        beta=config.beta,
        batch_size=config.batch_size,
        seed=context.seed,
    )
