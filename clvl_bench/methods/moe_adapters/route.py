"""Route: one experience's routers through the experts that all experiences share."""

from collections.abc import Sequence

from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.layers import with_layers
from clvl_bench.backbones.tokens import Tokens
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.towers import MovingTexts
from clvl_bench.methods.moe_adapters.config import MoeAdaptersConfig
from clvl_bench.methods.moe_adapters.experts import Branches, Experts, Router

IMAGE = 0
TEXT = 1
"""Which tower: an index into pairs of experts and of routers."""


class Route(MovingTexts):
    """The routers of one experience through experts that all of them share."""

    def __init__(
        self,
        config: MoeAdaptersConfig,
        backbone: Backbone,
        classes: Sequence[Candidate],
        experts: tuple[Experts, Experts],
    ) -> None:
        found, towers = with_layers(backbone, wanted_by=config.title)
        super().__init__(config, found, classes)
        # Bound methods and a tuple: what all experiences share is no part of this module.
        self._embed = towers.embed
        self._image = towers.image_through
        self._text = towers.text_through
        self._experts = experts
        self.routers = nn.ModuleList(
            Router(each, config.experts, config.selected, found.device) for each in experts
        )

    def image(self, inputs: Tensor) -> Tensor:
        return self._image(inputs, self._branches(IMAGE))

    def text(self, tokens: Tokens) -> Tensor:
        return self._text(self._embed(tokens.ids), tokens.ends, self._branches(TEXT))

    def _branches(self, tower: int) -> Branches:
        """The tower's experts as this experience's router sends to them."""
        router: Router = self.routers[tower]  # type: ignore[assignment]  # see `PerExperience._each`
        return Branches(self._experts[tower], router)
