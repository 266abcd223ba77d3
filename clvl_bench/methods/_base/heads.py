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
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State, rows_by_class
from clvl_bench.methods._base.config import AdapterConfig


class Head(Adapter):
    """`weight` [learned, width]; subclasses may have more columns of that length."""

    weight: nn.Parameter

    def __init__(
        self, config: AdapterConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self.seen_classes: ClassIds = ()
        self.weight = nn.Parameter(torch.zeros(0, backbone.width))

    def begin(self, class_ids: ClassIds) -> None:
        new = tuple(class_id for class_id in class_ids if class_id not in self.seen_classes)
        if new:
            self.grow(new)

    def grow(self, class_ids: ClassIds) -> None:
        """Rows for more classes. They start as the class texts; where a class has none, at zero."""
        texts = self.class_texts(class_ids).nan_to_num(0.0)
        self.seen_classes = (*self.seen_classes, *class_ids)
        self.weight = nn.Parameter(torch.cat([self.weight.data.to(texts.device), texts]))

    def rows(self, candidates: ClassIds, learned: Tensor, otherwise: Tensor) -> Tensor:
        """For each candidate its row of `learned` [learned, ...] if it has one, or of `otherwise`
        [candidates, ...].
        """
        row_of = rows_by_class(self.seen_classes)
        columns = [column for column, class_id in enumerate(candidates) if class_id in row_of]
        if not columns:
            return otherwise
        rows = [row_of[candidates[column]] for column in columns]
        where = torch.tensor(columns, device=learned.device)
        return otherwise.index_put((where,), learned[torch.tensor(rows, device=learned.device)])

    def state(self) -> State:
        return {"learned": list(self.seen_classes), **super().state()}

    def load(self, state: State) -> None:
        self.seen_classes = tuple(state["learned"])
        for name, value in state.items():
            if name != "learned":
                setattr(self, name, nn.Parameter(value.clone()))
