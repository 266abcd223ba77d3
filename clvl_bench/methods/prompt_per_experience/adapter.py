"""One context an experience, and a selector that needs no task id.

CoOp's context (Zhou et al. 2022, arXiv:2109.01134), learned anew for each experience and chosen by
the nearest centroid of frozen features, as S-Prompts does for text (Wang et al. 2022,
arXiv:2207.12819). Published for domains; here an experience may as well be a set of classes.
"""

from collections.abc import Sequence
from functools import partial

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.per_experience import PerExperience
from clvl_bench.methods._base.selector import FrozenFeatures, Selector
from clvl_bench.methods.prompt.adapter import Prompt
from clvl_bench.methods.prompt_per_experience.config import PromptPerExperienceConfig


class PromptPerExperience(PerExperience):
    """A context of its own for each experience."""

    def __init__(
        self,
        config: PromptPerExperienceConfig,
        backbone: Backbone,
        classes: Sequence[Candidate],
    ) -> None:
        super().__init__(
            config,
            backbone,
            classes,
            member=partial(Prompt, config, backbone, classes),
            selector=partial(Selector, config, backbone.width),
            features=FrozenFeatures(backbone, pixels=False, wanted_by=config.title),
        )
