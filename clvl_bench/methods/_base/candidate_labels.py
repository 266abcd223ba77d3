"""Candidates: what UPL, GRIP and CPL share: targets for all unlabelled samples of an experience at
once, made anew at times.

A target is a set of classes [n, classes]: of one class for a pseudo-label, of none where a sample
is left out. The loss is that of partial labels, -log of the sum of p(c) over the set, the mean over
samples with one: the cross-entropy where it has one class. Classes may count with a weight each, 0
for those outside of the set. Classes are the experience's own. Nothing of it outlives the
experience.
"""

import math
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from clvl_bench.methods._base.candidate_labels_config import CandidatesConfig
from clvl_bench.methods._base.memory import CHUNK, reader
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.pseudo_labels import (
    Unlabelled,
    own_classes,
    student_scores,
    zeroshot_scores,
)
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import Weights, put, snapshot


class Candidates(Unlabelled):
    """Needs an adapter as the strategy's model, and whole experiences.

    Args:
        rounds: how often targets are made; the first time by the zero-shot model, then by the model
            as it is.
    """

    def __init__(self, config: CandidatesConfig, context: PluginContext, *, rounds: int) -> None:
        super().__init__(config.weight)
        self.adapter = context.adapter
        self.rounds = rounds
        self._round = 0
        self._classes = torch.zeros(0, dtype=torch.long)
        self._ids = torch.zeros(0, dtype=torch.long)
        self._inputs = torch.zeros(0)
        self._sets: dict[int, Tensor] = {}

    @abstractmethod
    def sets(self, probabilities: Tensor, number: int) -> Tensor:
        """Targets [n, classes] by probabilities [n, classes], in the round of that number, from 1:
        sets, or weights.
        """

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        """Gather the experience's unlabelled samples."""
        dataset = strategy.experience.dataset
        rows = torch.nonzero(torch.tensor(list(dataset.targets)) < 0).flatten()
        ids = [dataset.sample_ids[row] for row in rows.tolist()]
        read = reader(dataset)
        self._round = 0
        self._sets = {}
        self._classes = own_classes(strategy)
        self._ids = torch.tensor(ids, dtype=torch.long)
        self._inputs = torch.zeros(0)
        if len(rows):
            self._inputs = torch.cat([read(chunk)[0] for chunk in rows.split(CHUNK)])

    def before_training_epoch(self, strategy: StrategyLike, **kwargs: Any) -> None:
        """Make the targets of a new round where one begins with this epoch."""
        super().before_training_epoch(strategy, **kwargs)
        # Epochs are shared out among the rounds; where there are fewer epochs, rounds are skipped
        # and the last one is reached.
        epoch = strategy.clock.train_exp_epochs + 1
        number = math.ceil(epoch * self.rounds / strategy.train_epochs)
        if number > self._round and len(self._ids):
            probabilities = self._probabilities(strategy, zeroshot=not self._round)
            sets = self.sets(probabilities, number)
            self._sets = dict(zip(self._ids.tolist(), sets, strict=True))
            self._round = number

    @torch.no_grad()
    def _probabilities(self, strategy: StrategyLike, *, zeroshot: bool) -> Tensor:
        """Of the experience's classes [n, classes], by the untouched backbone or the model of
        now.
        """
        model = strategy.model
        class_ids = self._classes.tolist()
        model.eval()
        parts = []
        for inputs in self._inputs.to(strategy.device).split(CHUNK):
            if zeroshot:
                scores = zeroshot_scores(self.adapter, inputs, class_ids)
            else:
                scores = model(inputs)[:, class_ids]
            parts.append(scores.softmax(dim=1).cpu())
        model.train()
        return torch.cat(parts)

    def loss(self, strategy: StrategyLike, rows: Tensor) -> Tensor:
        ids = strategy.mbatch[2][rows].tolist()
        sets = torch.stack([self._sets[sample] for sample in ids]).to(strategy.mb_output.device)
        has_target = (sets > 0).any(dim=1)
        logs = student_scores(strategy, rows).log_softmax(dim=1)[:, self._classes]
        # For the evaluator: of a sample's candidates the one that the model believes in most.
        within_set = logs.detach().masked_fill(sets == 0, -torch.inf)
        labels = self._classes[within_set.argmax(dim=1).cpu()]
        self.says(strategy, rows, labels, has_target)
        return partial_loss(logs[has_target], sets[has_target])


class FreshRounds(Candidates):
    """Each round is a training by itself: `train.epochs` long, from the weights before the
    experience, without momentum.

    Each takes more samples a class than the one before, so that the last has room for all.
    """

    def __init__(self, config: CandidatesConfig, context: PluginContext, *, rounds: int) -> None:
        super().__init__(config, context, rounds=rounds)
        self._epochs = 0
        self._start: Weights = {}

    def room(self, probabilities: Tensor, number: int) -> int:
        """How many samples a class may have in a round: the share of that number of rounds."""
        samples, classes = probabilities.shape
        return number * samples // (self.rounds * classes)

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        super().before_training_exp(strategy, **kwargs)
        self._epochs = strategy.train_epochs
        if len(self._ids):  # without them there is nothing to make rounds of
            strategy.train_epochs = self.rounds * self._epochs
        self._start = snapshot(self.adapter)

    def before_training_epoch(self, strategy: StrategyLike, **kwargs: Any) -> None:
        before = self._round
        super().before_training_epoch(strategy, **kwargs)
        if before and self._round > before:  # the labels are made; now begin anew
            put(self.adapter, self._start)
            strategy.optimizer.state.clear()

    def after_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        strategy.train_epochs = self._epochs


def shared_out(probabilities: Tensor, most: int) -> Tensor:
    """[n, classes]: pairs of sample and class in the order of their probability, each sample once,
    each class `most` times.

    Pairs below 0 are none. The result is the one stable matching: no sample and class would both
    rather have each other than what they have.
    """
    samples, classes = probabilities.shape
    sets = torch.zeros_like(probabilities, dtype=torch.bool)
    free = [True] * samples
    room = [most] * classes
    possible = (probabilities >= 0).flatten().tolist()
    for pair in probabilities.flatten().argsort(descending=True, stable=True).tolist():
        sample, label = divmod(pair, classes)
        if possible[pair] and free[sample] and room[label]:
            free[sample] = False
            room[label] -= 1
            sets[sample, label] = True
    return sets


def partial_loss(logs: Tensor, sets: Tensor) -> Tensor:
    """-log sum of p over each row's set, the mean over rows; 0 where there are none.

    Args:
        logs: log-probabilities [n, classes].
        sets: [n, classes], none of them empty; or weights by which probabilities count, 0 outside
            of a set.
    """
    if not len(logs):
        return logs.sum()
    return -(logs + sets.to(logs.dtype).log()).logsumexp(dim=1).mean()
