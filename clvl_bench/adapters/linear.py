"""Linear probe: one row and one bias a class on frozen unit image features, begun at the class's text.

Radford et al. 2021 (arXiv:2103.00020), in the text-initialised form of Wortsman et al. 2022 (WiSE-FT, arXiv:2109.01903).
Differs from the offline probe: a head that grows by the classes of each experience and follows the gradient; classes
without a row yet are scored by their text, so that the first logits are zero-shot's.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.adapters.base import Adapter, Classes, State
from clvl_bench.backbones import Backbone, unit
from clvl_bench.config.adapters import LinearAdapter
from clvl_bench.datasets import Candidate


class Linear(Adapter):
    """`weight` [learned, width] and `bias` [learned]; logits are scale * unit features @ weight' + bias."""

    weight: nn.Parameter
    bias: nn.Parameter

    def __init__(self, backbone: Backbone, table: Sequence[Candidate]) -> None:
        super().__init__(backbone, table)
        self.learned: Classes = ()
        self._grow(())

    def begin(self, classes: Classes) -> None:
        new = tuple(place for place in classes if place not in self.learned)
        if new:
            self._grow(new)

    def logits(self, inputs: Tensor, candidates: Classes) -> Tensor:
        rows = {place: row for row, place in enumerate(self.learned)}
        weight, bias = self._texts(candidates), inputs.new_zeros(len(candidates))  # of classes without a row
        places = [number for number, place in enumerate(candidates) if place in rows]
        if places:
            where = torch.tensor(places, device=inputs.device)
            which = torch.tensor([rows[candidates[number]] for number in places], device=inputs.device)
            weight, bias = weight.index_put((where,), self.weight[which]), bias.index_put((where,), self.bias[which])
        return self.backbone.logit_scale * unit(inputs) @ weight.T + bias

    def state(self) -> State:
        return {"learned": list(self.learned), **super().state()}

    def load(self, state: State) -> None:
        self.learned = ()
        self._grow(tuple(state["learned"]))
        super().load({name: value for name, value in state.items() if name != "learned"})

    def _grow(self, classes: Classes) -> None:
        """Rows for more classes. They start as the class texts; where a class has none, at zero."""
        texts = self._texts(classes).nan_to_num(0.0)
        old = (self.weight.data, self.bias.data) if self.learned else (texts[:0], texts[:0, 0])
        self.learned = (*self.learned, *classes)
        self.weight = nn.Parameter(torch.cat([old[0], texts]))
        self.bias = nn.Parameter(torch.cat([old[1], texts.new_zeros(len(classes))]))

    def _texts(self, candidates: Classes) -> Tensor:
        """Unit text features [candidates, width]."""
        if not candidates:
            return torch.zeros(0, self.backbone.width)
        return self.backbone.class_features([self.table[place] for place in candidates])


def build(config: LinearAdapter, backbone: Backbone, table: Sequence[Candidate]) -> Linear:
    return Linear(backbone, table)
