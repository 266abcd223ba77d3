"""MaPLe: deep prompts in both towers, those of the image tower projected from those of the text
tower.

Khattak et al. 2023, MaPLe: multi-modal prompt learning (arXiv:2210.03117). The first words of the
template are learned, the others stay; before each of the next layers the same places are written
over with prompts of that layer's own; what their projections are in the image tower stands behind
the patches. Differs from the released code: fp32; widths from the backbone; a tower with fewer
layers than `depth` has a prompt in each; one set of prompts for all experiences. The tokens in the
image tower take attention from the patches, so that no start is exactly zero-shot.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, TowerBackbone
from clvl_bench.backbones.layers import Insert, LayeredTowers, with_layers
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.sentences import (
    Sentences,
    first_context,
    first_words,
    noise,
    word_ids,
)
from clvl_bench.methods.maple.config import MapleConfig
from clvl_bench.methods.prompt.config import PromptConfig


class DeepPrompts(Insert):
    """Prompts [depth, length, tower width] of one tower.

    Args:
        at: the place of their first token; None: they stand behind all others, where `first` puts
            them.
    """

    def __init__(self, prompts: Tensor, *, at: int | None) -> None:
        self._prompts, self._at = prompts, at

    def first(self, hidden: Tensor) -> Tensor:
        return torch.cat([hidden, self._prompts[0].expand(len(hidden), -1, -1)], dim=1)

    def before(self, layer: int, hidden: Tensor) -> Tensor:
        if (
            not 0 < layer < len(self._prompts)
        ):  # later layers leave alone what the prompts have become
            return hidden
        length = self._prompts.shape[1]
        start = hidden.shape[1] - length if self._at is None else self._at
        new = self._prompts[layer].expand(len(hidden), -1, -1)
        return torch.cat([hidden[:, :start], new, hidden[:, start + length :]], dim=1)


class Maple(Adapter):
    """`context` [length, token width] enters the text, `deep` [depth - 1, length, token width] its
    later layers.

    `couplings`, one linear layer a depth, take all of them to the width of the image tower.
    """

    start_templates = 1

    def __init__(
        self,
        config: MapleConfig,
        backbone: TowerBackbone,
        towers: LayeredTowers,
        table: Sequence[Candidate],
    ) -> None:
        super().__init__(backbone, table)
        if config.context_init == "template":
            start, kept = (
                first_context(PromptConfig(), backbone, table),
                word_ids(backbone, first_words(table)),
            )
        else:
            start, kept = noise(backbone, config.context_length), ()
        length = min(config.context_length, len(start))
        self.context = nn.Parameter(start[:length].clone())
        self._sentences = Sentences(
            backbone, table, length=length, kept=kept[length:], text=self._encode
        )
        self.starts_as_zeroshot = (
            not config.coupled and config.depth == 1 and config.context_init == "template"
        )
        depth = min(
            config.depth, max(towers.text_layers, towers.image_layers if config.coupled else 0)
        )
        self.deep = nn.Parameter(noise(backbone, depth - 1, length))
        self.couplings = _couplings(
            backbone.token_width, towers.image_width, depth if config.coupled else 0
        )
        self.couplings.to(backbone.device)
        self._frozen, self._image, self._text = (
            backbone.image_features,
            towers.image_through,
            towers.text_through,
        )

    def classifier(self, candidates: ClassIds) -> Tensor:
        return self._sentences.features(candidates, self.context)

    def image(self, inputs: Tensor) -> Tensor:
        if not len(self.couplings):
            return self._frozen(inputs)
        prompts = torch.cat([self.context[None], self.deep])
        coupled = [
            coupling(prompt) for coupling, prompt in zip(self.couplings, prompts, strict=True)
        ]
        return self._image(inputs, DeepPrompts(torch.stack(coupled), at=None))

    def _encode(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        return self._text(
            embeddings, ends, DeepPrompts(torch.cat([self.context[None], self.deep]), at=1)
        )


def _couplings(words: int, patches: int, depth: int) -> nn.ModuleList:
    """One linear layer a depth. As released, those behind the first start alike: they are clones of
    one layer.
    """
    couplings = nn.ModuleList()
    if depth:
        couplings.append(nn.Linear(words, patches))
    if depth > 1:
        deep = nn.Linear(words, patches)
        couplings.extend(copy.deepcopy(deep) for _ in range(depth - 1))
    return couplings


def build(config: MapleConfig, backbone: Backbone, table: Sequence[Candidate]) -> Maple:
    found, towers = with_layers(backbone, wanted_by="the adapter 'maple'")
    return Maple(config, found, towers, table)
