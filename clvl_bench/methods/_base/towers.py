"""Trained towers: what adapters share that train inside the towers, or inside a copy of them.

Training scores a class by its first template alone, testing by all of them, both through the text
tower as it is now (Zheng et al. 2023, arXiv:2303.06628).
"""

import copy
from abc import abstractmethod
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, TowerBackbone, l2_normalize, with_towers
from clvl_bench.backbones.sharing import shared
from clvl_bench.backbones.tokens import Tokens
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.config import AdapterConfig


class MovingTexts(Adapter):
    """Class texts change while it learns."""

    def __init__(
        self, config: AdapterConfig, backbone: TowerBackbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self.tokenize = backbone.tokenize

    @abstractmethod
    def text(self, tokens: Tokens) -> Tensor:
        """Text features [rows, width] as of now, not normalised."""

    def classifier(self, candidates: ClassIds) -> Tensor:
        prompts = [self.classes[class_id].prompts for class_id in candidates]
        if self.training:
            return self.encode_sentences(self.tokenize([of_class[0] for of_class in prompts]))
        # All sentences in one go; behind the text tower they are split by class again.
        sentences = list(chain.from_iterable(prompts))
        features = self.encode_sentences(self.tokenize(sentences))
        parts = features.split([len(of_class) for of_class in prompts])
        return l2_normalize(torch.stack([l2_normalize(part.mean(dim=0)) for part in parts]))

    def encode_sentences(self, tokens: Tokens) -> Tensor:
        return l2_normalize(torch.cat([self.text(chunk) for chunk in tokens.chunks()]))


class TrainedTowers(MovingTexts):
    """A copy of the towers; the subclass says what of it trains.

    Args:
        share_weights: the copy has the backbone's own weights, for a subclass that trains none of
            them.

    Raises:
        Mistake: the backbone has no towers.
    """

    def __init__(
        self,
        config: AdapterConfig,
        backbone: Backbone,
        classes: Sequence[Candidate],
        *,
        share_weights: bool = False,
    ) -> None:
        found = with_towers(backbone, wanted_by=config.title)
        super().__init__(config, found, classes)
        # deepcopy takes what is in its memo for copied already. With the weights in it, the copy
        # has modules of its own over the backbone's tensors, which are not held twice.
        memo: dict[int, Tensor] = {}
        if share_weights:
            memo = {id(weight): weight for weight in found.towers.parameters()}
        self.towers = copy.deepcopy(found.towers, memo)

    def image(self, inputs: Tensor) -> Tensor:
        return shared(self.towers.image, inputs)

    def text(self, tokens: Tokens) -> Tensor:
        return self.towers.sentences(tokens.ids, tokens.ends)
