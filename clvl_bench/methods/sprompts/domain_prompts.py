"""Domain prompts: what S-Prompts learns for one domain (Wang et al. 2022, arXiv:2207.12819)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.layers import Insert, with_layers
from clvl_bench.data.catalog.candidate import Candidate
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
        backbone: Backbone,
        classes: Sequence[Candidate],
    ) -> None:
        found, towers = with_layers(backbone, wanted_by=config.title)
        words = PromptConfig(
            context_init=config.context_init,
            context_length=config.context_length,
            position=config.position,
        )
        super().__init__(words, found, classes)
        self.starts_as_zeroshot = False
        # A bound method: the frozen towers themselves are no part of the module.
        self._through = towers.image_through
        tokens = torch.empty(config.image_length, towers.image_width, device=found.device)
        self.tokens = nn.Parameter(tokens)
        bound = towers.image_width**-0.5
        nn.init.uniform_(self.tokens, -bound, bound)

    def image(self, inputs: Tensor) -> Tensor:
        return self._through(inputs, ImageTokens(self.tokens))
