"""AnswerAdapter: what the learners of answers share. Until its first training batch each answers
as the untouched backbone does: a head with a random start knows nothing.

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
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State, rows_by_class
from clvl_bench.methods._base.answer_config import Unseen
from clvl_bench.methods._base.answer_ranking import Ranking
from clvl_bench.methods._base.config import AdapterConfig


class AnswerAdapter(Adapter):
    """Reads questions. `arrived` are the answers of all experiences that have begun, in order of
    arrival; `has_learned` says whether a training batch has come.
    """

    def __init__(
        self, config: AdapterConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self.ranking = Ranking(backbone, classes)
        self.arrived: ClassIds = ()
        self.has_learned = False

    @abstractmethod
    def answer(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        """The learner's own scores [batch, candidates]; minus infinity for candidates that it
        cannot score.
        """

    def begin(self, class_ids: ClassIds) -> None:
        new = tuple(class_id for class_id in class_ids if class_id not in self.arrived)
        self.arrived = (*self.arrived, *new)
        self.grow(new)

    def grow(self, answers: ClassIds) -> None:
        """Room for more answers."""

    def question_batch(self, inputs: Tensor) -> QuestionBatch:
        """The parts of a row as the untouched backbone reads them."""
        return unpacked(inputs, self.backbone.width)

    def image(self, inputs: Tensor) -> Tensor:
        return self.question_batch(inputs).image

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        self.has_learned |= self.training
        if not self.has_learned:
            return self.ranking.scores(self.question_batch(inputs), candidates)
        own = self.answer(inputs, candidates)
        if bool(torch.isfinite(own).any()):
            return own
        # It has learned none of the candidates: they are those of a held-out dataset.
        return self.ranking.scores(self.question_batch(inputs), candidates)

    def rows(self, candidates: ClassIds, device: torch.device) -> tuple[Tensor, Tensor]:
        """Of the candidates that have arrived: their columns among the candidates, and their rows
        in order of arrival.
        """
        row_of = rows_by_class(self.arrived)
        columns = [column for column, answer in enumerate(candidates) if answer in row_of]
        rows = [row_of[candidates[column]] for column in columns]
        return (
            torch.tensor(columns, dtype=torch.long, device=device),
            torch.tensor(rows, dtype=torch.long, device=device),
        )

    def given(self, scores: Tensor, candidates: ClassIds, unseen: Unseen) -> Tensor:
        """Scores [batch, candidates] with minus infinity for candidates that have not arrived.

        Args:
            unseen: with "scored" these keep their scores; with "apart" they do where no candidate
                has arrived.
        """
        hidden = [column for column, answer in enumerate(candidates) if answer not in self.arrived]
        if unseen == "scored" or (unseen == "apart" and len(hidden) == len(candidates)):
            return scores
        columns = torch.tensor(hidden, dtype=torch.long, device=scores.device)
        return scores.index_fill(1, columns, -torch.inf)

    def spread(self, scores: Tensor, candidates: ClassIds) -> Tensor:
        """Scores [batch, arrived] in the columns of their candidates; minus infinity in the
        others.
        """
        columns, rows = self.rows(candidates, scores.device)
        wide = scores.new_full((len(scores), len(candidates)), -torch.inf)
        return wide.index_copy(1, columns, scores[:, rows])

    def state(self) -> State:
        own = {"arrived": list(self.arrived), "has_learned": self.has_learned}
        return {**own, **super().state()}

    def load(self, state: State) -> None:
        # As when they arrived: `begin` makes the room for what is loaded.
        self.arrived = ()
        self.begin(tuple(state["arrived"]))
        self.has_learned = state["has_learned"]
        own = ("arrived", "has_learned")
        super().load({name: value for name, value in state.items() if name not in own})
