"""Full fine-tuning of both towers, the logit scale excepted.

As the continual fine-tuning baseline of Zheng et al. 2023 (ZSCL, arXiv:2303.06628): training scores the classes by the
first template alone, testing by the ensemble, both through the text tower as it is now.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.adapters.base import Adapter, Classes
from clvl_bench.backbones import Backbone, TowerBackbone, unit, with_towers
from clvl_bench.config.adapters import FullAdapter
from clvl_bench.datasets import Candidate

CHUNK = 256
"""Sentences that go through the text tower together when testing."""


class FineTuned(Adapter):
    """A copy of the towers that trains."""

    def __init__(self, backbone: TowerBackbone, table: Sequence[Candidate]) -> None:
        super().__init__(backbone, table)
        self.tokenise = backbone.tokenise
        self.towers = copy.deepcopy(backbone.towers).requires_grad_(True)

    def image(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.towers.image(inputs)
        return features

    def classifier(self, candidates: Classes) -> Tensor:
        classes = [self.table[place] for place in candidates]
        if self.training:
            return unit(self._encode([candidate.prompts[0] for candidate in classes]))
        features = unit(self._encode([prompt for candidate in classes for prompt in candidate.prompts]))
        parts = features.split([len(candidate.prompts) for candidate in classes])
        return unit(torch.stack([unit(part.mean(dim=0)) for part in parts]))

    def _encode(self, texts: Sequence[str]) -> Tensor:
        tokens = self.tokenise(texts)
        chunks = [tokens.rows(start, start + CHUNK) for start in range(0, len(tokens), CHUNK)]
        return torch.cat([self.towers.text(self.towers.embed(chunk.ids), chunk.ends) for chunk in chunks])


def build(config: FullAdapter, backbone: Backbone, table: Sequence[Candidate]) -> FineTuned:
    return FineTuned(with_towers(backbone, wanted_by="the adapter 'full'"), table)
