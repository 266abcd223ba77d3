"""MoE-Adapters: experts beside the feed-forward part of every layer of both towers, a router for
each experience.

Yu et al. 2024, Boosting continual learning of vision-language models via mixture-of-experts
adapters (arXiv:2403.11549). The first token of a sample (start of text, in a sentence) routes it to
two experts; the two that an experience used most are frozen behind it. Without a task id a selector
finds the router, and leaves what is strange to it to the untouched backbone. Differs from the
released code: **each sample is routed by itself** (there, by the mean over a test batch that comes
from one dataset, which gives the dataset away: `routing = "batch"` decides so, and is called
transductive in records); a sample's experience is found among centroids of the backbone's own
features instead of by auto-encoders on AlexNet's; no load-balancing term (there it is computed and
never added). The shipped strategy does not augment (docs/howto/recipes.md).
"""

from collections.abc import Sequence
from functools import partial

from torch import nn

from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.layers import with_layers
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods._base.per_experience import PerExperience, below, prefixed
from clvl_bench.methods._base.selector import FrozenFeatures, Selector
from clvl_bench.methods.moe_adapters.config import MoeAdaptersConfig
from clvl_bench.methods.moe_adapters.experts import Experts
from clvl_bench.methods.moe_adapters.route import Route


class MoeAdapters(PerExperience):
    """Shared `experts` of the image and of the text tower; a `Route` for each experience."""

    def __init__(
        self,
        config: MoeAdaptersConfig,
        backbone: Backbone,
        classes: Sequence[Candidate],
    ) -> None:
        found, towers = with_layers(backbone, wanted_by=config.title)
        image = Experts(towers.image_layers, towers.image_width, config).to(found.device)
        text = Experts(towers.text_layers, found.token_width, config).to(found.device)
        super().__init__(
            config,
            found,
            classes,
            member=partial(Route, config, found, classes, (image, text)),
            selector=partial(Selector, config, backbone.width, together=config.routing == "batch"),
            features=FrozenFeatures(found, pixels=True, wanted_by=config.title),
        )
        # torch counts a module's parts in the order in which they are set: members, then experts.
        self.experts = nn.ModuleList([image, text])

    def begin(self, class_ids: ClassIds) -> None:
        super().begin(class_ids)
        # `PerExperience` freezes earlier members alone; the experts stand outside of these.
        for tower in self._towers():
            tower.hold_frozen()

    def end(self) -> None:
        super().end()
        for tower in self._towers():
            tower.mark_most_used()

    def state(self) -> State:
        experts = {name: value.detach() for name, value in self.experts.state_dict().items()}
        return {**super().state(), **prefixed(experts, "experts.")}

    def load(self, state: State) -> None:
        super().load(state)
        self.experts.load_state_dict(below(state, "experts."))

    def _towers(self) -> list[Experts]:
        return list(self.experts)  # type: ignore[arg-type]
