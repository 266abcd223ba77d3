"""Candidates: what UPL, GRIP and CPL share: targets for all unlabelled samples of an experience at
once, made anew at times.

A target is a set of classes [n, classes]: of one class for a pseudo-label, of none where a sample
is left out. The loss is that of partial labels, -log of the sum of p(c) over the set, the mean over
samples with one: the cross-entropy where it has one class. Classes are the experience's own.
Nothing of it outlives the experience.
"""

import math
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.memory import CHUNK, reader
from clvl_bench.methods._base.pseudo_labels import (
    Unlabelled,
    own_classes,
    student_scores,
    zeroshot_scores,
)


class Candidates(Unlabelled):
    """Needs an adapter as the strategy's model, and whole experiences.

    Args:
        weight: of the loss on unlabelled samples; the cross-entropy with labels is added to it.
        rounds: how often targets are made; the first time by the zero-shot model, then by the model
            as it is.
    """

    def __init__(self, adapter: Adapter, *, weight: float, rounds: int) -> None:
        super().__init__(weight)
        self.adapter, self.rounds = adapter, rounds
        self._round = 0
        self._classes = torch.zeros(0, dtype=torch.long)
        self._inputs, self._ids = torch.zeros(0), torch.zeros(0, dtype=torch.long)
        self._sets: dict[int, Tensor] = {}

    @abstractmethod
    def sets(self, probabilities: Tensor, number: int) -> Tensor:
        """Targets [n, classes] by probabilities [n, classes], in the round of that number, from
        1.
        """

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        dataset, self._round, self._sets = strategy.experience.dataset, 0, {}
        rows = torch.nonzero(torch.tensor(list(dataset.targets)) < 0).flatten()
        self._classes = own_classes(strategy)
        self._ids = torch.tensor(
            [dataset.sample_ids[row] for row in rows.tolist()], dtype=torch.long
        )
        self._inputs = (
            torch.cat([reader(dataset)(part)[0] for part in rows.split(CHUNK)])
            if len(rows)
            else torch.zeros(0)
        )

    def before_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        super().before_training_epoch(strategy, **kwargs)
        number = math.ceil(
            (strategy.clock.train_exp_epochs + 1) * self.rounds / strategy.train_epochs
        )
        if number > self._round and len(self._ids):
            sets = self.sets(self._probabilities(strategy, zeroshot=not self._round), number)
            self._sets = dict(zip(self._ids.tolist(), sets, strict=True))
            self._round = number

    @torch.no_grad()
    def _probabilities(self, strategy: Any, *, zeroshot: bool) -> Tensor:
        """Of the experience's classes [n, classes], by the untouched backbone or the model of
        now.
        """
        model = strategy.model
        model.eval()
        parts = []
        for inputs in self._inputs.to(strategy.device).split(CHUNK):
            places = self._classes.tolist()
            scores = (
                zeroshot_scores(self.adapter, inputs, places)
                if zeroshot
                else model(inputs)[:, places]
            )
            parts.append(scores.softmax(dim=1).cpu())
        model.train()
        return torch.cat(parts)

    def loss(self, strategy: Any, rows: Tensor) -> Tensor:
        ids = strategy.mbatch[2][rows].tolist()
        sets = torch.stack([self._sets[sample] for sample in ids]).to(strategy.mb_output.device)
        kept, student = sets.any(dim=1), student_scores(strategy, rows)
        logs = student.log_softmax(dim=1)[:, self._classes]
        best = self._classes[logs.detach().masked_fill(~sets, -torch.inf).argmax(dim=1).cpu()]
        self.says(strategy, rows, best, kept)
        return partial_loss(logs[kept], sets[kept])


def partial_loss(logs: Tensor, sets: Tensor) -> Tensor:
    """-log sum of p over each row's set, the mean over rows; 0 where there are none.

    Args:
        logs: log-probabilities [n, classes].
        sets: [n, classes], none of them empty.
    """
    if not len(logs):
        return logs.sum()
    return -logs.masked_fill(~sets, -torch.inf).logsumexp(dim=1).mean()
