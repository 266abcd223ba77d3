"""S-Prompts, in its form for CLIP (S-liPrompts): image and text prompts for each domain, learned
independently.

Wang et al. 2022, S-Prompts learning with pre-trained transformers: an Occam's razor for domain
incremental learning (arXiv:2207.12819). Ten tokens beside the patches and a context of sixteen
words; after a domain, K-means centroids of its frozen features; a test sample takes the prompts of
the nearest one. Differs from the released code: classes are compared as classes (there a domain's
labels are offset, and compared modulo their count); K-means from a k-means++ start of its own;
image tokens stand behind the patches, which is the same because they carry no position.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, TowerBackbone
from clvl_bench.backbones.layers import Insert, LayeredTowers, with_layers
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.per_experience import PerExperience
from clvl_bench.methods._base.selector import FrozenFeatures
from clvl_bench.methods.prompt.adapter import Prompt
from clvl_bench.methods.prompt.config import PromptConfig
from clvl_bench.methods.sprompts.config import SPromptsConfig


class ImageTokens(Insert):
    """Tokens [length, tower width] behind the patches of every image."""

    def __init__(self, tokens: Tensor) -> None:
        self._tokens = tokens

    def first(self, hidden: Tensor) -> Tensor:
        return torch.cat([hidden, self._tokens.expand(len(hidden), -1, -1)], dim=1)


class DomainPrompts(Prompt):
    """A context, and tokens in the image tower. These take attention from the patches: no start is
    zero-shot's.
    """

    def __init__(
        self,
        config: SPromptsConfig,
        backbone: TowerBackbone,
        towers: LayeredTowers,
        table: Sequence[Candidate],
    ) -> None:
        words = PromptConfig(
            **config.model_dump(include={"context_init", "context_length", "position"})
        )
        super().__init__(words, backbone, table)
        self.starts_as_zeroshot = False
        self._through = (
            towers.image_through
        )  # the frozen towers themselves are no part of the module
        bound = towers.image_width**-0.5
        self.tokens = nn.Parameter(
            torch.empty(config.image_length, towers.image_width, device=backbone.device)
        )
        nn.init.uniform_(self.tokens, -bound, bound)

    def image(self, inputs: Tensor) -> Tensor:
        return self._through(inputs, ImageTokens(self.tokens))


def build(config: SPromptsConfig, backbone: Backbone, table: Sequence[Candidate]) -> PerExperience:
    name = "the adapter 'sprompts'"
    found, towers = with_layers(backbone, wanted_by=name)
    features = FrozenFeatures(backbone, pixels=True, wanted_by=name)
    return PerExperience(
        config,
        backbone,
        table,
        member=lambda: DomainPrompts(config, found, towers, table),
        features=features,
    )
