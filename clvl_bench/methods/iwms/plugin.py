"""IWMS: rehearse what resembles the samples of now, whose labels are not there yet.

Csaba et al. 2024, Label delay in online continual learning (arXiv:2312.00923), importance weighted
memory sampling. For each unlabelled sample of the step a class is drawn from the model's own
probabilities, and of that class a kept sample by the softmax of its cosine. Updates alternate
between half newest labels and half such samples, and half random memory and half such samples.
Differs from the released code: features are those of the frozen tower where a strategy reads them
(they never get stale); the minibatch's mean stands for the two halves, which differ where fewer
labels arrive than samples.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.rng import rng
from clvl_bench.methods._base.adapter import State, tensor_bytes
from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.strategy_protocol import OnlineStrategyLike
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
        joined = columns
        if self.columns:
            joined = tuple(torch.cat(pair) for pair in zip(self.columns, columns, strict=True))
        labels = joined[1]
        share = max(1, self.size // len(labels.unique()))
        stays = torch.ones(len(labels), dtype=torch.bool)
        for label in labels.unique().tolist():
            rows = torch.nonzero(labels.cpu() == label).flatten()
            stays[rows[: max(0, len(rows) - share)]] = False
        # Where there are more classes than room, each has a sample too many: the oldest leave.
        too_many = max(0, int(stays.sum()) - self.size)
        stays[torch.nonzero(stays).flatten()[:too_many]] = False
        self.columns = tuple(column[stays.to(column.device)] for column in joined)

    def rows(self, chosen: Tensor) -> tuple[Tensor, ...]:
        return tuple(column[chosen.to(column.device)] for column in self.columns)


class Iwms(Plugin):
    """Importance-weighted memory sampling for the online strategy."""

    def __init__(self, config: IwmsConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.adapter = context.adapter
        self.memory = Rings(config.memory_size)
        self._seed = context.seed
        self._weighted: tuple[Tensor, ...] = ()

    @torch.no_grad()
    def features(self, inputs: Tensor) -> Tensor:
        """Unit features [n, width], by which kept samples and new ones are compared."""
        is_features = inputs.ndim == 2
        return l2_normalize(inputs if is_features else self.adapter.image(inputs))

    @property
    def remembers(self) -> bool:
        return len(self.memory) > 0

    def before_training_iteration(self, strategy: OnlineStrategyLike, **kwargs: Any) -> None:
        if not len(self.memory):
            return
        step = strategy.clock.train_exp_counter
        update = strategy.clock.train_epoch_iterations
        if update == 0:  # drawn once a step, for all its updates
            now = strategy.prediction
            chosen = self.draw(now.scores, self.features(now.inputs), self._seed, step)
            self._weighted = self.memory.rows(chosen)[:FEATURES]
        others = tuple(strategy.mbatch)
        memory_has_its_turn = strategy.clock.train_iterations % 2 == 1
        if memory_has_its_turn or not len(others[1]):
            generator = rng("iwms random", self._seed, step, update)
            drawn = generator.integers(len(self.memory), size=len(self._weighted[1]))
            others = self.memory.rows(torch.from_numpy(drawn))[:FEATURES]
        halves = zip(others, self._weighted, strict=True)
        strategy.mbatch = [
            torch.cat([other, weighted.to(other.device)]) for other, weighted in halves
        ]

    def draw(self, scores: Tensor, features: Tensor, *key: object) -> Tensor:
        """Rows of the memory, one for each unlabelled sample [n]: importance-weighted, each row at
        most once, the rest uniform.

        Args:
            scores: [n, classes] of the samples of now, minus infinity where a class is no
                candidate.
            features: unit features of theirs [n, width].
        """
        generator = rng("iwms", *key)
        tempered = (scores / self.config.temperature).softmax(dim=1)
        probabilities = tempered.double().cpu().numpy()
        labels = self.memory.labels.cpu().numpy()
        kept = self.memory.columns[FEATURES].to(features.device)
        cosines = (features @ kept.T).double().cpu().numpy()
        taken: set[int] = set()
        for sample, of_classes in enumerate(probabilities):
            class_id = _drawn_by(of_classes, generator)
            members = np.flatnonzero(labels == class_id)
            if len(members):
                weights = np.exp(cosines[sample, members])
                taken.add(int(members[_drawn_by(weights, generator)]))
        shuffled = generator.permutation(len(labels)).tolist()
        spare = [row for row in shuffled if row not in taken]
        missing = max(0, len(scores) - len(taken))
        chosen = [*sorted(taken), *spare[:missing]]
        return torch.tensor(chosen, dtype=torch.long)

    def after_training_exp(self, strategy: OnlineStrategyLike, **kwargs: Any) -> None:
        arrived = strategy.experience.dataset.columns
        if len(arrived[1]):
            self.memory.insert((*arrived, self.features(arrived[0])))

    def state(self) -> State:
        return {f"column{number}": column for number, column in enumerate(self.memory.columns)}

    def load(self, state: State) -> None:
        self.memory.columns = tuple(state[name] for name in sorted(state))

    def kept_bytes(self) -> int:
        return tensor_bytes(self.state())


def _drawn_by(weights: NDArray[np.float64], generator: np.random.Generator) -> int:
    """An index, with a probability in proportion to its weight: the inverse of cumulated
    weights.
    """
    point = generator.random() * weights.sum()
    return int(np.searchsorted(np.cumsum(weights), point, side="right"))
