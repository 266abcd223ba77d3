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
    """`keys` [kept, width], unit features; `key_classes` [kept], their class ids; `draws` [kept].

    The draws are random numbers that samples get as they come; of each class the samples with the
    smallest are kept, which is a uniform choice whatever the order and the batches.
    """

    learns: Literal["gradient", "closed_form"] = "closed_form"
    keys: Tensor
    key_classes: Tensor
    draws: Tensor

    def __init__(
        self, config: TipAdapterConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self._alpha = config.alpha
        self._beta = config.beta
        self._shots = config.shots
        no_keys = torch.zeros(0, backbone.width)
        no_classes = torch.zeros(0, dtype=torch.long)
        no_draws = torch.zeros(0, dtype=torch.float64)
        self._hold(no_keys, no_classes, no_draws)

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        device = inputs.device
        arrived = targets >= 0
        # A draw for every sample, so that which label has arrived moves nobody else's.
        new_draws = torch.rand(len(targets), dtype=torch.float64).to(device)
        keys = torch.cat([self.keys.data.to(device), l2_normalize(inputs)[arrived]])
        classes = torch.cat([self.key_classes.to(device), targets[arrived]])
        draws = torch.cat([self.draws.to(device), new_draws[arrived]])
        # Classes in turn, each from its smallest draw up: a key's rank in its class is its distance
        # from the class's first.
        order = draws.argsort()
        order = order[classes[order].argsort(stable=True)]
        first_of_class = torch.searchsorted(classes[order], classes[order])
        rank = torch.arange(len(order), device=device) - first_of_class
        kept = order[rank < self._shots].sort().values
        self._hold(keys[kept], classes[kept], draws[kept])

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        device = inputs.device
        images = l2_normalize(inputs)
        texts = self.class_texts(candidates)
        # In which column each key votes; keys of classes that are no candidates vote nowhere.
        column_of = torch.full((len(self.classes),), -1, device=device)
        column_of[list(candidates)] = torch.arange(len(candidates), device=device)
        columns = column_of[self.key_classes]
        scored = columns >= 0
        votes = self._alpha * torch.exp(-self._beta * (1 - images @ self.keys[scored].T))
        # Where there is no text, keys alone decide; the score of a class with neither is no number.
        has_keys = torch.zeros(len(candidates), dtype=torch.bool, device=device)
        has_keys = has_keys.index_fill(0, columns[scored], True)
        only_keys = texts.isnan().any(dim=1) & has_keys
        texts = texts.masked_fill(only_keys[:, None], 0.0)
        zeroshot = self.backbone.logit_scale * images @ texts.T
        return zeroshot.index_add(1, columns[scored], votes)

    def state(self) -> State:
        return {"keys": self.keys.detach(), "classes": self.key_classes, "draws": self.draws}

    def load(self, state: State) -> None:
        self._hold(*(state[name].clone() for name in ("keys", "classes", "draws")))

    def _hold(self, keys: Tensor, classes: Tensor, draws: Tensor) -> None:
        """Another number of keys."""
        self.register_buffer("keys", keys)
        self.register_buffer("key_classes", classes)
        self.register_buffer("draws", draws)
