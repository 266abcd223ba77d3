"""One low-rank update an experience, and a selector that needs no task id.

LoRA (Hu et al. 2022, arXiv:2106.09685), a fresh update for each experience, chosen by the nearest
centroid of frozen features as S-Prompts chooses prompts (Wang et al. 2022, arXiv:2207.12819). The
updates share the frozen weights below them.
"""

from collections.abc import Sequence
from functools import partial

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.per_experience import PerExperience
from clvl_bench.methods._base.selector import FrozenFeatures, Selector
from clvl_bench.methods.lora.adapter import Lora
from clvl_bench.methods.lora_per_experience.config import LoraPerExperienceConfig


class LoraPerExperience(PerExperience):
    """A low-rank update of its own for each experience."""

    def __init__(
        self,
        config: LoraPerExperienceConfig,
        backbone: Backbone,
        classes: Sequence[Candidate],
    ) -> None:
        super().__init__(
            config,
            backbone,
            classes,
            member=partial(Lora, config, backbone, classes),
            selector=partial(Selector, config, backbone.width),
            features=FrozenFeatures(backbone, pixels=True, wanted_by=config.title),
        )
