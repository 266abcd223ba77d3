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
from clvl_bench.methods._base.adapter import ClassIds, State, rows_by_class
from clvl_bench.methods._base.answer_adapter import AnswerAdapter
from clvl_bench.methods.answer_majority.config import MajorityConfig


class Majority(AnswerAdapter):
    """`counts` [types, arrived]: how often each answer was given to a question of each type. A type
    that never came is answered as all together are.
    """

    learns = "closed_form"
    counts: Tensor

    def __init__(
        self, config: MajorityConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self.register_buffer("counts", torch.zeros(0, 0, dtype=torch.float64))

    def grow(self, answers: ClassIds) -> None:
        self._room(1, len(self.arrived))  # a row to read from before anything was observed

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        self.has_learned = True
        kinds = self.question_batch(inputs).type.long()
        row_of = rows_by_class(self.arrived)
        for kind, target in zip(kinds.tolist(), targets.tolist(), strict=True):
            if target >= 0:
                self._room(kind + 1, len(self.arrived))
                self.counts[kind, row_of[target]] += 1

    def answer(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        kinds = self.question_batch(inputs).type.long()
        inside = kinds < len(self.counts)
        rows = torch.where(inside, kinds, 0)  # a type beyond the last has no row: any will do
        came = self.counts.sum(dim=1) > 0
        overall = self.counts.sum(dim=0)
        mine = torch.where((inside & came[rows])[:, None], self.counts[rows], overall)
        return self.spread(mine.float(), candidates)

    def load(self, state: State) -> None:
        # There may be more types than `grow` makes room for when the answers arrive again.
        self.counts = self.counts.new_zeros(state["counts"].shape)
        super().load(state)

    def _room(self, kinds: int, answers: int) -> None:
        """Room for so many types and answers at least."""
        old = self.counts
        self.counts = old.new_zeros(max(kinds, len(old)), max(answers, old.shape[1]))
        self.counts[: len(old), : old.shape[1]] = old
