"""Analytic learners: statistics of frozen features instead of gradients. What they share: classes, and who scores which.

Row by row: where the untouched backbone's best class is one that was learned, the statistics decide among the learned
classes; otherwise the backbone's own scores stand. So classes that were not learned yet keep their zero-shot quality (the
routing of Xu et al. 2024, RAIL, arXiv:2406.18868, without its fusion). With `unseen = "never"`, as published, only learned
classes are predicted.
"""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.adapters.base import Adapter, Classes, State
from clvl_bench.backbones import Backbone, unit
from clvl_bench.datasets import Candidate


class Analytic(Adapter):
    """A learner in closed form. Statistics are float64 buffers; their class axis holds `learned`, in order of arrival."""

    learns = "closed_form"

    def __init__(self, backbone: Backbone, table: Sequence[Candidate], *, unseen: str) -> None:
        super().__init__(backbone, table)
        self.learned: Classes = ()
        self.starts_as_zeroshot = True
        self._unseen = unseen

    @abstractmethod
    def grow(self, classes: int) -> None:
        """So many more classes: zeros in their place."""

    @abstractmethod
    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        """Take up unit features [batch, width] in float64 of learned classes, by their place in `learned` [batch]."""

    @abstractmethod
    def scores(self, features: Tensor) -> Tensor:
        """Scores [batch, learned] of unit features in float64."""

    def begin(self, classes: Classes) -> None:
        new = tuple(place for place in classes if place not in self.learned)
        self.learned = (*self.learned, *new)
        self.grow(len(new))

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        known = targets >= 0  # labels that have not arrived are not there
        places = torch.tensor([self.learned.index(int(place)) for place in targets[known]], dtype=torch.long)
        self.accumulate(unit(inputs[known].double()), places.to(inputs.device))

    def logits(self, inputs: Tensor, candidates: Classes) -> Tensor:
        texts = self.backbone.class_features([self.table[place] for place in candidates])
        zeroshot = self.backbone.logit_scale * unit(inputs) @ texts.T
        known = torch.tensor([place in self.learned for place in candidates], device=inputs.device)
        if not bool(known.any()):
            return zeroshot
        own = zeroshot.new_full(zeroshot.shape, -torch.inf)
        columns = [self.learned.index(place) for place in candidates if place in self.learned]
        own[:, known] = self.scores(unit(inputs.double()))[:, columns].to(own.dtype)
        if bool(known.all()) or self._unseen == "never" or not bool(torch.isfinite(texts).all()):
            return own
        return torch.where(known[zeroshot.argmax(dim=1)][:, None], own, zeroshot)

    def state(self) -> State:
        return {"learned": list(self.learned), **super().state()}

    def load(self, state: State) -> None:
        self.learned = ()
        self.begin(tuple(state["learned"]))
        super().load({name: value for name, value in state.items() if name != "learned"})


def grown(statistic: Tensor, rows: int) -> Tensor:
    """The statistic with so many zero rows more."""
    return torch.cat([statistic, statistic.new_zeros(rows, *statistic.shape[1:])])
