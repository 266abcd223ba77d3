"""MaPLe: deep prompts in both towers, those of the image tower projected from those of the text
tower.

Khattak et al. 2023, MaPLe: multi-modal prompt learning (arXiv:2210.03117). The first words of the
template are learned, the others stay; before each of the next layers the same places are written
over with prompts of that layer's own; what their projections are in the image tower stands behind
the patches. Differs from the released code: fp32; widths from the backbone; a tower with fewer
layers than `depth` has a prompt in each; one set of prompts for all experiences. The tokens in the
image tower take attention from the patches, so that no start is exactly zero-shot. The warm-up
epoch, cosine by epoch and augmentation are settings that the shipped strategy leaves out
(docs/howto/recipes.md).
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.layers import Insert, with_layers
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.sentences import Sentences, leading_words, noise
from clvl_bench.methods.maple.config import MapleConfig


class DeepPrompts(Insert):
    """Prompts [depth, length, tower width] of one tower.

    Args:
        at: where their first token stands; None: they stand behind all others, where `first` puts
            them.
    """

    def __init__(self, prompts: Tensor, *, at: int | None) -> None:
        self._prompts = prompts
        self._at = at

    def first(self, hidden: Tensor) -> Tensor:
        return torch.cat([hidden, self._prompts[0].expand(len(hidden), -1, -1)], dim=1)

    def before(self, layer: int, hidden: Tensor) -> Tensor:
        # Later layers leave alone what the prompts have become.
        if not 0 < layer < len(self._prompts):
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
        backbone: Backbone,
        classes: Sequence[Candidate],
    ) -> None:
        found, towers = with_layers(backbone, wanted_by=config.title)
        super().__init__(config, found, classes)
        start, kept = leading_words(
            found, classes, config.context_length, template=config.context_init == "template"
        )
        length = len(start)
        self.context = nn.Parameter(start)
        self._sentences = Sentences(found, classes, length=length, kept=kept, text=self._encode)
        self.starts_as_zeroshot = (
            not config.coupled and config.depth == 1 and config.context_init == "template"
        )
        layers = towers.text_layers
        if config.coupled:
            layers = max(layers, towers.image_layers)
        depth = min(config.depth, layers)
        self.deep = nn.Parameter(noise(found, depth - 1, length))
        coupled = depth if config.coupled else 0
        self.couplings = _couplings(found.token_width, towers.image_width, coupled)
        self.couplings.to(found.device)
        # Bound methods: the frozen towers must not become a part of the module.
        self._frozen = found.image_features
        self._image = towers.image_through
        self._text = towers.text_through

    def classifier(self, candidates: ClassIds) -> Tensor:
        return self._sentences.features(candidates, self.context)

    def image(self, inputs: Tensor) -> Tensor:
        if not len(self.couplings):
            return self._frozen(inputs)
        prompts = torch.cat([self.context[None], self.deep])
        pairs = zip(self.couplings, prompts, strict=True)
        coupled = torch.stack([coupling(prompt) for coupling, prompt in pairs])
        return self._image(inputs, DeepPrompts(coupled, at=None))

    def _encode(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        prompts = torch.cat([self.context[None], self.deep])
        return self._text(embeddings, ends, DeepPrompts(prompts, at=1))


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
