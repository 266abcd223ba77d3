"""O-LoRA: a low-rank update for each experience, its directions held orthogonal to those of the
updates before.

Wang et al. 2023, Orthogonal subspace learning for language model continual learning
(arXiv:2310.14152). All updates add up, so that no task id is needed; earlier ones are frozen. The
paper squares the entries of A_i A_t', the released code sums their absolute values with the weight
0.5, and so does this. Differs: CLIP's two towers instead of a language model, and updates are kept
apart instead of concatenated, which gives the same sum.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.core.rng import keyed
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods.lora.adapter import Lora
from clvl_bench.methods.olora.config import OLoraConfig


class OLora(Lora):
    """Updates "default", "1", "2", ... on each projection, all of them active; the last one
    trains.
    """

    def __init__(
        self, config: OLoraConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self._weight = config.orthogonality
        self._start = int(torch.randint(2**31, ()))
        self._names = ["default"]
        self._begun = 0

    def begin(self, class_ids: ClassIds) -> None:
        if self._begun:  # the first has been there from the start
            self._add()
        self._begun += 1

    def penalty(self, inputs: Tensor) -> Tensor | None:
        """`orthogonality` times the sum of |A_i A_t'| over projections and earlier updates i."""
        *past, last = self._names
        if not past:
            return None
        overlaps = []
        for projection in self.projections:
            new = projection.lora_A[last].weight
            for name in past:
                earlier = projection.lora_A[name].weight.detach()
                overlaps.append((earlier @ new.T).abs().sum())
        return self._weight * torch.stack(overlaps).sum()

    def state(self) -> State:
        return {"begun": self._begun, **super().state()}

    def load(self, state: State) -> None:
        self._begun = state["begun"]
        while len(self._names) < self._begun:
            self._add()
        super().load(state)

    def _add(self) -> None:
        self._names.append(str(len(self._names)))
        with keyed("update", self._start, len(self._names)):
            self.add_update(self._names[-1])
        for projection in self.projections:
            projection.set_adapter(self._names)  # this makes all of them train
            for name in self._names[:-1]:
                projection.lora_A[name].requires_grad_(False)
                projection.lora_B[name].requires_grad_(False)
        self.train(self.training)  # what is new begins in training mode
