"""Majority per type: the commonest answer among the training questions of a question's type. It
sees neither image nor words.

The baseline that Goyal et al. 2017 (arXiv:1612.00837) ask for beside every table of answers. The
type is the dataset's own, and known of test questions too: a learner would have to find it out, so
this baseline is generous.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds
from clvl_bench.methods._base.answer_adapter import AnswerAdapter
from clvl_bench.methods.answer_majority.config import MajorityConfig


class Majority(AnswerAdapter):
    """`counts` [types, arrived]: how often each answer was given to a question of each type. A type
    that never came is answered as all together are.
    """

    learns = "closed_form"
    counts: Tensor

    def __init__(self, backbone: Backbone, table: Sequence[Candidate]) -> None:
        super().__init__(backbone, table)
        self.register_buffer("counts", torch.zeros(0, 0, dtype=torch.float64))

    def grow(self, answers: ClassIds) -> None:
        self._room(1, len(self.arrived))  # a row to read from before anything was observed

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        kinds = self.question_batch(inputs).type.long()
        place = {answer: row for row, answer in enumerate(self.arrived)}
        for kind, target in zip(kinds.tolist(), targets.tolist(), strict=True):
            if target >= 0:
                self._room(kind + 1, len(self.arrived))
                self.counts[kind, place[target]] += 1

    def answer(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        asked = self.question_batch(inputs)
        known, overall = self.counts.sum(dim=1) > 0, self.counts.sum(dim=0)
        kinds = asked.type.long()
        inside = kinds < len(self.counts)
        rows = torch.where(inside, kinds, 0)
        mine = torch.where((inside & known[rows])[:, None], self.counts[rows], overall)
        return self.spread(mine.float(), candidates)

    def load(self, state: dict[str, object]) -> None:
        counts = state["counts"]
        assert isinstance(counts, Tensor)
        self.counts = self.counts.new_zeros(counts.shape)
        super().load(state)

    def _room(self, kinds: int, answers: int) -> None:
        old = self.counts
        self.counts = old.new_zeros(max(kinds, len(old)), max(answers, old.shape[1]))
        self.counts[: len(old), : old.shape[1]] = old


def build(config: MajorityConfig, backbone: Backbone, table: Sequence[Candidate]) -> Majority:
    return Majority(backbone, table)
