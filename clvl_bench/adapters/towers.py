"""Trained towers: what adapters share that train inside a copy of the backbone's towers.

Training scores a class by its first template alone, testing by all of them, both through the text tower as it is now
(Zheng et al. 2023, arXiv:2303.06628).
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.adapters.base import Adapter, Classes
from clvl_bench.backbones import TowerBackbone, unit
from clvl_bench.datasets import Candidate

CHUNK = 256
"""Sentences that go through the text tower together when testing."""


class TrainedTowers(Adapter):
    """A copy of the towers; the subclass says what of it trains."""

    def __init__(self, backbone: TowerBackbone, table: Sequence[Candidate]) -> None:
        super().__init__(backbone, table)
        self.tokenise = backbone.tokenise
        self.towers = copy.deepcopy(backbone.towers)

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
        return torch.cat([self.towers.sentences(chunk.ids, chunk.ends) for chunk in chunks])
