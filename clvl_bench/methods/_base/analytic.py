"""Analytic learners: statistics of frozen features instead of gradients. What they share: classes,
and who scores which.

Row by row: where the untouched backbone's best class is one that was learned, the statistics decide
among the learned classes; otherwise the backbone's own scores stand. So classes that were not
learned yet keep their zero-shot quality (the routing of Xu et al. 2024, RAIL, arXiv:2406.18868).
With `unseen = "never"`, as the others publish it, only learned classes are predicted. A class is
learned from its first labelled sample on, not from the experience that names it: its label may come
later.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State, rows_by_class
from clvl_bench.methods._base.config import AdapterConfig


class Analytic(Adapter):
    """A learner in closed form: scores [batch, learned] come from what `solve` makes of statistics,
    as a rule expanded features times solved weights.

    Statistics are float64 buffers; their class axis holds `seen_classes`, in order of arrival.
    """

    learns = "closed_form"

    def __init__(
        self,
        config: AdapterConfig,
        backbone: Backbone,
        classes: Sequence[Candidate],
        *,
        unseen: str = "zeroshot",
    ) -> None:
        super().__init__(config, backbone, classes)
        self.seen_classes: ClassIds = ()
        self.starts_as_zeroshot = True
        self._unseen = unseen
        self._solved: Tensor | None = None  # until the statistics change

    @abstractmethod
    def grow(self, count: int) -> None:
        """Room for so many more classes: zeros at the end of the class axis."""

    @abstractmethod
    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        """Take up unit features [batch, width] in float64 of learned classes. `labels` [batch] are
        rows of the class axis, in order of arrival, and not class ids.
        """

    @abstractmethod
    def solve(self) -> Tensor:
        """What the statistics amount to, as a rule weights [M, learned]. It is kept until they
        change.
        """

    def expand(self, features: Tensor) -> Tensor:
        """What is linear in the weights [batch, M], of unit features in float64: by default the
        features and a one, for a bias.
        """
        return torch.cat([features, features.new_ones(len(features), 1)], dim=1)

    def score(self, features: Tensor, solved: Tensor) -> Tensor:
        """Scores [batch, learned] of unit features in float64 by what `solve` made."""
        return self.expand(features) @ solved

    def scores(self, features: Tensor) -> Tensor:
        """Scores [batch, learned] of unit features in float64."""
        if self._solved is None:
            self._solved = self.solve()
        return self.score(features, self._solved)

    def combined(self, own: Tensor, zeroshot: Tensor) -> Tensor:
        """Scores [batch, candidates] where the statistics decide; `own` is minus infinity for
        classes not learned.
        """
        return own

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        known = targets >= 0  # labels that have not arrived are not there
        labels = targets[known].tolist()
        if not labels:
            return
        arrived = dict.fromkeys(labels)  # each class once, in order of arrival
        new = not_seen_of(arrived, self.seen_classes)
        if new:
            self.seen_classes = (*self.seen_classes, *new)
            self.grow(len(new))
        row_of = rows_by_class(self.seen_classes)
        rows = torch.tensor([row_of[class_id] for class_id in labels], device=inputs.device)
        self.accumulate(l2_normalize(inputs[known].double()), rows)
        self._solved = None

    def end(self) -> None:
        self._solved = None

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        texts = self.class_texts(candidates)
        zeroshot = self.backbone.logit_scale * l2_normalize(inputs) @ texts.T
        row_of = rows_by_class(self.seen_classes)
        known = torch.tensor([class_id in row_of for class_id in candidates], device=inputs.device)
        if not bool(known.any()):
            return zeroshot
        rows = [row_of[class_id] for class_id in candidates if class_id in row_of]
        own = zeroshot.new_full(zeroshot.shape, -torch.inf)
        own[:, known] = self.scores(l2_normalize(inputs.double()))[:, rows].to(own.dtype)
        if self._unseen == "never" or not bool(torch.isfinite(texts).all()):
            return own
        return routed(self.combined(own, zeroshot), zeroshot, known)

    def state(self) -> State:
        return {"learned": list(self.seen_classes), **super().state()}

    def load(self, state: State) -> None:
        self.seen_classes = tuple(state["learned"])
        self._solved = None
        # Replaced and not copied into: they have grown, and torch copies equal sizes alone.
        for name, statistic in list(self.named_buffers()):
            setattr(self, name, state[name].to(statistic.device, copy=True))


def grown(statistic: Tensor, rows: int) -> Tensor:
    """The statistic with so many zero rows more."""
    return torch.cat([statistic, statistic.new_zeros(rows, *statistic.shape[1:])])


def not_seen_of(arrived: Iterable[int], seen: ClassIds) -> ClassIds:
    """The classes among those that arrived that were not seen before, in order of arrival."""
    return tuple(class_id for class_id in arrived if class_id not in seen)


def routed(own: Tensor, zeroshot: Tensor, known: Tensor) -> Tensor:
    """Own scores of the rows whose best class by zero-shot is one that is known, and zero-shot
    scores of the others.

    Args:
        own, zeroshot: [batch, candidates].
        known: [candidates].
    """
    looks_known = known[zeroshot.argmax(dim=1)]
    return torch.where(looks_known[:, None], own, zeroshot)
