"""Tip-Adapter: training features are kept as keys, and vote for their classes beside the class
texts. Nothing is trained.

Zhang et al. 2022, Tip-Adapter: training-free adaption of CLIP for few-shot classification
(arXiv:2207.09519). The cache grows with the stream. Differs from the released code: a key is one
image, not the mean of ten augmented views; which `shots` images of a class are kept is a uniform
choice of all that came; alpha and beta are fixed in the strategy file and not searched for on the
data that is scored; class texts are means over all templates, as for zero-shot.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State
from clvl_bench.methods.tip_adapter.config import TipAdapterConfig


class TipAdapter(Adapter):
    """`keys` [kept, width], unit features; `classes` [kept], their places in the table; `draws`
    [kept].

    The draws are random numbers that samples get as they come; of each class the samples with the
    smallest are kept, which is a uniform choice whatever the order and the batches.
    """

    learns: Literal["gradient", "closed_form"] = "closed_form"
    keys: Tensor
    classes: Tensor
    draws: Tensor

    def __init__(
        self, config: TipAdapterConfig, backbone: Backbone, table: Sequence[Candidate]
    ) -> None:
        super().__init__(backbone, table)
        self._alpha, self._beta, self._shots = config.alpha, config.beta, config.shots
        self._hold(
            torch.zeros(0, backbone.width),
            torch.zeros(0, dtype=torch.long),
            torch.zeros(0, dtype=torch.float64),
        )

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        arrived = targets >= 0
        draws = torch.rand(len(targets), dtype=torch.float64).to(inputs.device)
        new = (l2_normalize(inputs), targets, draws)
        keys, classes, draws = (
            torch.cat([old.data.to(inputs.device), column[arrived]])
            for old, column in zip((self.keys, self.classes, self.draws), new, strict=True)
        )
        # Classes in turn, each from its smallest draw up: a key's rank in its class is its distance
        # from the class's first.
        order = draws.argsort()
        order = order[classes[order].argsort(stable=True)]
        rank = torch.arange(len(order), device=order.device) - torch.searchsorted(
            classes[order], classes[order]
        )
        kept = order[rank < self._shots].sort().values
        self._hold(keys[kept], classes[kept], draws[kept])

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        images, texts = (
            l2_normalize(inputs),
            self.backbone.class_features([self.table[place] for place in candidates]),
        )
        column_of = torch.full((len(self.table),), -1, device=inputs.device)
        column_of[list(candidates)] = torch.arange(len(candidates), device=inputs.device)
        columns = column_of[self.classes]
        scored = columns >= 0
        votes = self._alpha * torch.exp(-self._beta * (1 - images @ self.keys[scored].T))
        has_keys = torch.zeros(len(candidates), dtype=torch.bool, device=inputs.device).index_fill(
            0, columns[scored], True
        )
        texts = texts.masked_fill(
            (texts.isnan().any(dim=1) & has_keys)[:, None], 0.0
        )  # where there is no text, keys alone
        zeroshot = self.backbone.logit_scale * images @ texts.T
        return zeroshot.index_add(1, columns[scored], votes)

    def state(self) -> State:
        return {"keys": self.keys.detach(), "classes": self.classes, "draws": self.draws}

    def load(self, state: State) -> None:
        self._hold(*(state[name].clone() for name in ("keys", "classes", "draws")))

    def _hold(self, keys: Tensor, classes: Tensor, draws: Tensor) -> None:
        """Another number of keys."""
        for name, column in (("keys", keys), ("classes", classes), ("draws", draws)):
            self.register_buffer(name, column)


def build(config: TipAdapterConfig, backbone: Backbone, table: Sequence[Candidate]) -> TipAdapter:
    return TipAdapter(config, backbone, table)
