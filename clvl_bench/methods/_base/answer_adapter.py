"""Answering: what the learners of answers share. Until one has learned an experience it answers as
the untouched backbone does.

A head that has a row for each learned answer gives no score to others; where it has learned none of
the candidates (those of a held-out dataset), the untouched backbone answers: its towers are frozen,
so that this is what the model still knows.
"""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import QuestionBatch, unpacked
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State
from clvl_bench.methods._base.answer_config import Unseen
from clvl_bench.methods._base.answer_ranking import Ranking


class AnswerAdapter(Adapter):
    """Reads questions. `learned` are the answers of the experiences that are over, in order of
    arrival.
    """

    def __init__(self, backbone: Backbone, table: Sequence[Candidate]) -> None:
        super().__init__(backbone, table)
        self.ranking = Ranking(backbone, table)
        self.seen_classes: ClassIds = ()
        self.arrived: ClassIds = ()

    @abstractmethod
    def answer(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        """The learner's own scores [batch, candidates]; minus infinity for candidates that it
        cannot score.
        """

    def begin(self, classes: ClassIds) -> None:
        new = tuple(place for place in classes if place not in self.arrived)
        self.arrived = (*self.arrived, *new)
        self.grow(new)

    def grow(self, answers: ClassIds) -> None:
        """Room for more answers."""

    def end(self) -> None:
        self.seen_classes = self.arrived

    def question_batch(self, inputs: Tensor) -> QuestionBatch:
        """The parts of a row as the untouched backbone reads them."""
        return unpacked(inputs, self.backbone.width)

    def image(self, inputs: Tensor) -> Tensor:
        return self.question_batch(inputs).image

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        if not self.training and not self.seen_classes:
            return self.ranking.scores(self.question_batch(inputs), candidates)
        own = self.answer(inputs, candidates)
        return (
            own
            if bool(torch.isfinite(own).any())
            else self.ranking.scores(self.question_batch(inputs), candidates)
        )

    def rows(self, candidates: ClassIds, device: torch.device) -> tuple[Tensor, Tensor]:
        """Of the candidates that have arrived: their numbers among the candidates, and their rows
        in order of arrival.
        """
        place = {answer: row for row, answer in enumerate(self.arrived)}
        pairs = [
            (number, place[answer]) for number, answer in enumerate(candidates) if answer in place
        ]
        numbers, rows = (
            torch.tensor(pairs, dtype=torch.long, device=device).reshape(-1, 2).unbind(dim=1)
        )
        return numbers, rows

    def given(self, scores: Tensor, candidates: ClassIds, unseen: Unseen) -> Tensor:
        """Scores [batch, candidates] with minus infinity for candidates that have not arrived, as
        far as these are not to be given; with `apart` they are scored where all candidates are
        such.
        """
        hidden = [number for number, place in enumerate(candidates) if place not in self.arrived]
        if unseen == "scored" or (unseen == "apart" and len(hidden) == len(candidates)):
            return scores
        return scores.index_fill(
            1, torch.tensor(hidden, dtype=torch.long, device=scores.device), -torch.inf
        )

    def spread(self, scores: Tensor, candidates: ClassIds) -> Tensor:
        """Scores [batch, arrived] in the columns of their candidates; minus infinity in the
        others.
        """
        numbers, rows = self.rows(candidates, scores.device)
        wide = scores.new_full((len(scores), len(candidates)), -torch.inf)
        return wide.index_copy(1, numbers, scores[:, rows])

    def state(self) -> State:
        return {
            "arrived": list(self.arrived),
            "learned": list(self.seen_classes),
            **super().state(),
        }

    def load(self, state: State) -> None:
        self.arrived = ()
        self.begin(tuple(state["arrived"]))
        self.seen_classes = tuple(state["learned"])
        super().load(
            {name: value for name, value in state.items() if name not in ("arrived", "learned")}
        )
