"""IWMS: rehearse what resembles the samples of now, whose labels are not there yet.

Csaba et al. 2024, Label delay in online continual learning (arXiv:2312.00923), importance weighted
memory sampling. For each unlabelled sample of the step a class is drawn from the model's own
probabilities, and of that class a kept sample by the softmax of its cosine. Updates alternate
between half newest labels and half such samples, and half random memory and half such samples.
Differs from the released code: features are those of the frozen tower where a strategy reads them
(they never get stale); the minibatch's mean stands for the two halves, which differ where fewer
labels arrive than samples.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.rng import rng
from clvl_bench.methods._base.adapter import State, tensor_bytes
from clvl_bench.methods._base.plugin import Plugin, PluginContext, refuse_without_gradient
from clvl_bench.methods.iwms.config import IwmsConfig

FEATURES = 4
"""The column of unit features behind inputs, labels, sample ids and tasks."""


class Rings:
    """The newest samples of each class, at most `size` in all, an equal share a class."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.columns: tuple[Tensor, ...] = ()

    def __len__(self) -> int:
        return len(self.columns[1]) if self.columns else 0

    @property
    def labels(self) -> Tensor:
        return self.columns[1]

    def insert(self, columns: tuple[Tensor, ...]) -> None:
        """Samples arrive; where a class has more than its share, its oldest leave."""
        joined = (
            tuple(torch.cat(pair) for pair in zip(self.columns, columns, strict=True))
            if self.columns
            else columns
        )
        labels = joined[1]
        share = max(1, self.size // len(labels.unique()))
        stays = torch.ones(len(labels), dtype=torch.bool)
        for label in labels.unique().tolist():
            rows = torch.nonzero(labels.cpu() == label).flatten()
            stays[rows[: max(0, len(rows) - share)]] = False
        stays[torch.nonzero(stays).flatten()[: max(0, int(stays.sum()) - self.size)]] = (
            False  # more classes than room
        )
        self.columns = tuple(column[stays.to(column.device)] for column in joined)

    def rows(self, chosen: Tensor) -> tuple[Tensor, ...]:
        return tuple(column[chosen.to(column.device)] for column in self.columns)


class Iwms(Plugin):
    """Importance-weighted memory sampling for the online strategy.

    Args:
        memory_size: samples kept, over all classes.
        temperature: of the softmax from which a sample's class is drawn.
        features: unit features [n, width] of inputs, by which kept samples and new ones are
            compared.
    """

    def __init__(
        self,
        memory_size: int,
        *,
        temperature: float,
        features: Callable[[Tensor], Tensor],
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.memory = Rings(memory_size)
        self.temperature = temperature
        self._features, self._seed = features, seed
        self._weighted: tuple[Tensor, ...] = ()

    @property
    def remembers(self) -> bool:
        return len(self.memory) > 0

    def before_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        if not len(self.memory):
            return
        clock = strategy.clock
        if clock.train_epoch_iterations == 0:  # once a step
            seen, key = strategy.prediction, (self._seed, clock.train_exp_counter)
            chosen = self.draw(seen.scores, self._features(seen.inputs), *key)
            self._weighted = self.memory.rows(chosen)[:FEATURES]
        others = tuple(strategy.mbatch)
        if clock.train_iterations % 2 or not len(others[1]):
            dice = rng(
                "iwms random", self._seed, clock.train_exp_counter, clock.train_epoch_iterations
            )
            count = len(self._weighted[1])
            others = self.memory.rows(
                torch.from_numpy(dice.integers(len(self.memory), size=count))
            )[:FEATURES]
        strategy.mbatch = [
            torch.cat([one, two.to(one.device)])
            for one, two in zip(others, self._weighted, strict=True)
        ]

    def draw(self, scores: Tensor, features: Tensor, *key: object) -> Tensor:
        """Rows of the memory, one for each unlabelled sample [n]: importance-weighted, each row at
        most once, the rest uniform.

        Args:
            scores: [n, table] of the samples of now, minus infinity where a class is no candidate.
            features: unit features of theirs [n, width].
        """
        dice = rng("iwms", *key)
        probabilities = (scores / self.temperature).softmax(dim=1).double().cpu().numpy()
        labels, kept = (
            self.memory.labels.cpu().numpy(),
            self.memory.columns[FEATURES].to(features.device),
        )
        alike = (features @ kept.T).double().cpu().numpy()
        taken: set[int] = set()
        for row, of_classes in enumerate(probabilities):
            place = int(
                np.searchsorted(
                    np.cumsum(of_classes), dice.random() * of_classes.sum(), side="right"
                )
            )
            members = np.flatnonzero(labels == place)
            if not len(members):
                continue
            weights = np.exp(alike[row, members])
            taken.add(
                int(
                    members[
                        np.searchsorted(
                            np.cumsum(weights), dice.random() * weights.sum(), side="right"
                        )
                    ]
                )
            )
        spare = [row for row in dice.permutation(len(labels)).tolist() if row not in taken]
        chosen = [*sorted(taken), *spare[: max(0, len(scores) - len(taken))]]
        return torch.tensor(chosen, dtype=torch.long)

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        arrived = strategy.experience.dataset.columns
        if len(arrived[1]):
            self.memory.insert((*arrived, self._features(arrived[0])))

    def state(self) -> State:
        return {f"column{number}": column for number, column in enumerate(self.memory.columns)}

    def load(self, state: State) -> None:
        self.memory.columns = tuple(state[name] for name in sorted(state))

    def kept_bytes(self) -> int:
        return tensor_bytes(self.state())


def build(config: IwmsConfig, context: PluginContext) -> Iwms:
    refuse_without_gradient(config.kind, context.adapter)
    adapter = context.adapter

    @torch.no_grad()
    def features(inputs: Tensor) -> Tensor:
        return l2_normalize(inputs if inputs.ndim == 2 else adapter.image(inputs))

    return Iwms(
        config.memory_size, temperature=config.temperature, features=features, seed=context.seed
    )
