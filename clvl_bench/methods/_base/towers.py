"""Trained towers: what adapters share that train inside the towers, or inside a copy of them.

Training scores a class by its first template alone, testing by all of them, both through the text
tower as it is now (Zheng et al. 2023, arXiv:2303.06628).
"""

import copy
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Tokens, TowerBackbone, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds


class MovingTexts(Adapter):
    """Class texts change while it learns."""

    def __init__(self, backbone: TowerBackbone, table: Sequence[Candidate]) -> None:
        super().__init__(backbone, table)
        self.tokenize = backbone.tokenize

    @abstractmethod
    def text(self, tokens: Tokens) -> Tensor:
        """Text features [rows, width] as of now, not normalised."""

    def classifier(self, candidates: ClassIds) -> Tensor:
        classes = [self.table[place] for place in candidates]
        if self.training:
            return self.encode_sentences(
                self.tokenize([candidate.prompts[0] for candidate in classes])
            )
        features = self.encode_sentences(
            self.tokenize([prompt for candidate in classes for prompt in candidate.prompts])
        )
        parts = features.split([len(candidate.prompts) for candidate in classes])
        return l2_normalize(torch.stack([l2_normalize(part.mean(dim=0)) for part in parts]))

    def encode_sentences(self, tokens: Tokens) -> Tensor:
        return l2_normalize(torch.cat([self.text(chunk) for chunk in tokens.chunks()]))


class TrainedTowers(MovingTexts):
    """A copy of the towers; the subclass says what of it trains.

    Args:
        share_weights: the copy has the backbone's own weights, for a subclass that trains none of
            them.
    """

    def __init__(
        self, backbone: TowerBackbone, table: Sequence[Candidate], *, share_weights: bool = False
    ) -> None:
        super().__init__(backbone, table)
        # What stays frozen need not be there twice: modules of its own over the backbone's tensors.
        shared = (
            {id(weight): weight for weight in backbone.towers.parameters()} if share_weights else {}
        )
        self.towers = copy.deepcopy(backbone.towers, shared)

    def image(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.towers.image(inputs)
        return features

    def text(self, tokens: Tokens) -> Tensor:
        return self.towers.sentences(tokens.ids, tokens.ends)
