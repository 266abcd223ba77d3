"""Prefix tuning of the image tower: what L2P, DualPrompt and CODA-Prompt share.

Learned keys and values stand before the projected ones of some layers, chosen or mixed for each
sample by its query, the frozen image feature. Differs from the released codes of all three: CLIP's
image tower instead of one trained on ImageNet's labels; classes are scored by their frozen texts
instead of by a linear head, so that every class has a score; the query is the projected feature,
which every backbone offers, instead of the one before the projection. Prefixes take attention from
the image, zeros too, so that no start is zero-shot's. The shipped strategies do not augment
(docs/howto/recipes.md).
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.backbones.layers import Insert, with_layers
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.config import AdapterConfig
from clvl_bench.methods._base.selector import FrozenFeatures


class Prefixes(Insert):
    """By layer, [batch, length, tower width]: the first half keys, the second half values."""

    def __init__(self, by_layer: Mapping[int, Tensor]) -> None:
        self._by_layer = by_layer

    def prefix(self, layer: int) -> tuple[Tensor, Tensor] | None:
        if layer not in self._by_layer:
            return None
        keys, values = self._by_layer[layer].chunk(2, dim=1)
        return keys, values


class PrefixTuned(Adapter):
    """Image features through the frozen tower with prefixes; frozen class texts.

    Raises:
        Mistake: the backbone's towers are closed, or it has none.
    """

    starts_as_zeroshot = False

    def __init__(
        self, config: AdapterConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        found, towers = with_layers(backbone, wanted_by=config.title)
        self.device = found.device
        self.tower_width = towers.image_width
        self.layers = towers.image_layers
        # A bound method: the towers themselves must not become a part of the module.
        self._through = towers.image_through
        self._features = FrozenFeatures(backbone, pixels=True, wanted_by=config.title)

    @abstractmethod
    def prefixes(self, queries: Tensor) -> dict[int, Tensor]:
        """Prefixes by layer from unit queries [batch, width]."""

    def queries(self, inputs: Tensor) -> Tensor:
        """Unit image features of the untouched backbone [batch, width], without a gradient."""
        return l2_normalize(self._features(inputs))

    def image(self, inputs: Tensor) -> Tensor:
        return self._through(inputs, Prefixes(self.prefixes(self.queries(inputs))))

    def classifier(self, candidates: ClassIds) -> Tensor:
        return self.class_texts(candidates)

    def train(self, mode: bool = True) -> "PrefixTuned":
        self._features.forget()
        super().train(mode)
        return self

    def start(self, *shape: int, init: Literal["uniform", "symmetric", "normal"]) -> nn.Parameter:
        """U(0, 1) as the CODA-Prompt repository starts keys and prompts, U(-1, 1), or noise of
        deviation 0.02.
        """
        values = 0.02 * torch.randn(shape) if init == "normal" else torch.rand(shape)
        if init == "symmetric":
            values = 2 * values - 1
        return nn.Parameter(values.to(self.device))
