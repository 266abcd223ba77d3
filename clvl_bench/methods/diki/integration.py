"""Integration: what DIKI learns in one experience (Tang et al. 2024, arXiv:2407.05342)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.backbones.layers import Aside, Insert, with_layers
from clvl_bench.backbones.tokens import Tokens
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds
from clvl_bench.methods._base.towers import MovingTexts
from clvl_bench.methods.diki.config import DikiConfig


class Residual(Insert):
    """Keys and values [2, depth, length, tower width] beside the attention of the first layers."""

    def __init__(self, pairs: Tensor, share: Tensor) -> None:
        self._pairs = pairs
        self._share = share

    def aside(self, layer: int) -> Aside | None:
        keys, values = self._pairs
        if layer >= len(keys):
            return None
        return Aside(keys[layer][None], values[layer][None], self._share)


class Integration(MovingTexts):
    """`image_pairs` and `text_pairs` [2, depth, length, tower width]: keys at random in (-1, 1),
    values 0, so that the start is zero-shot.
    """

    def __init__(
        self, config: DikiConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found, towers = with_layers(backbone, wanted_by=config.title)
        super().__init__(config, found, classes)
        # Bound methods: the frozen towers must not become a part of the module.
        self._embed = towers.embed
        self._image = towers.image_through
        self._text = towers.text_through
        self._whole = torch.ones(1, device=found.device)
        self._text_share = self._whole
        image_depth = min(config.depth, towers.image_layers)
        self.image_pairs = nn.Parameter(
            _start(image_depth, config.length, towers.image_width).to(found.device)
        )
        text_depth = min(config.depth, towers.text_layers)
        self.text_pairs = nn.Parameter(
            _start(text_depth, config.length, found.token_width).to(found.device)
        )

    def image(self, inputs: Tensor) -> Tensor:
        return self._image(inputs, Residual(self.image_pairs, self._whole))

    def text(self, tokens: Tokens) -> Tensor:
        insert = Residual(self.text_pairs, self._text_share)
        return self._text(self._embed(tokens.ids), tokens.ends, insert)

    def weighed_logits(
        self, inputs: Tensor, candidates: ClassIds, image_shares: Tensor, text_shares: Tensor
    ) -> Tensor:
        """Scaled cosines [batch, candidates] where each sample has a share of its own, [batch], in
        either tower. Class texts are encoded once for each share that there is.
        """
        insert = Residual(self.image_pairs, image_shares)
        images = l2_normalize(self._image(inputs, insert))
        cosines = images.new_empty(len(images), len(candidates))
        for share in text_shares.unique():
            rows = text_shares == share
            cosines[rows] = images[rows] @ self._texts(candidates, share).T
        return self.backbone.logit_scale * cosines

    def _texts(self, candidates: ClassIds, share: Tensor) -> Tensor:
        self._text_share = share[None]
        texts = self.classifier(candidates)
        self._text_share = self._whole
        return texts


def _start(depth: int, length: int, width: int) -> Tensor:
    """[2, depth, length, width]: keys, and values of 0."""
    keys = 2 * torch.rand(depth, length, width) - 1
    return torch.stack([keys, torch.zeros_like(keys)])
