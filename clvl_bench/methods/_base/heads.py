"""Heads: a row for each class on frozen image features. What they share: rows that come with the
classes, and their start.

A row starts as its class's text (Wortsman et al. 2022, WiSE-FT, arXiv:2109.01903), and classes
without a row yet are scored by their text, so that the first logits are zero-shot's.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State


class Head(Adapter):
    """`weight` [learned, width]; subclasses may have more columns of that length."""

    weight: nn.Parameter

    def __init__(self, backbone: Backbone, table: Sequence[Candidate]) -> None:
        super().__init__(backbone, table)
        self.seen_classes: ClassIds = ()
        self.weight = nn.Parameter(torch.zeros(0, backbone.width))

    def begin(self, classes: ClassIds) -> None:
        new = tuple(place for place in classes if place not in self.seen_classes)
        if new:
            self.grow(new)

    def grow(self, classes: ClassIds) -> None:
        """Rows for more classes. They start as the class texts; where a class has none, at zero."""
        texts = self.texts(classes).nan_to_num(0.0)
        self.seen_classes = (*self.seen_classes, *classes)
        self.weight = nn.Parameter(torch.cat([self.weight.data.to(texts.device), texts]))

    def rows(self, candidates: ClassIds, learned: Tensor, otherwise: Tensor) -> Tensor:
        """For each candidate its row of `learned` [learned, ...] if it has one, or of `otherwise`
        [candidates, ...].
        """
        row_of = {place: row for row, place in enumerate(self.seen_classes)}
        places = [number for number, place in enumerate(candidates) if place in row_of]
        if not places:
            return otherwise
        which = [row_of[candidates[number]] for number in places]
        where, row = (torch.tensor(numbers, device=learned.device) for numbers in (places, which))
        return otherwise.index_put((where,), learned[row])

    def texts(self, candidates: ClassIds) -> Tensor:
        """Unit text features [candidates, width]."""
        return self.backbone.class_features([self.table[place] for place in candidates])

    def state(self) -> State:
        return {"learned": list(self.seen_classes), **super().state()}

    def load(self, state: State) -> None:
        self.seen_classes = tuple(state["learned"])
        for name, value in state.items():
            if name != "learned":
                setattr(self, name, nn.Parameter(value.clone()))
