"""S-Prompts, in its form for CLIP (S-liPrompts): image and text prompts for each domain, learned
independently.

Wang et al. 2022, S-Prompts learning with pre-trained transformers: an Occam's razor for domain
incremental learning (arXiv:2207.12819). Ten tokens beside the patches and a context of sixteen
words; after a domain, K-means centroids of its frozen features; a test sample takes the prompts of
the nearest one. Differs from the released code: classes are compared as classes (there a domain's
labels are offset, and compared modulo their count); K-means from a k-means++ start of its own;
image tokens stand behind the patches, which is the same because they carry no position. The
shipped strategy does not augment (`train.augmentation`).
"""

from collections.abc import Sequence
from functools import partial

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.per_experience import PerExperience
from clvl_bench.methods._base.selector import FrozenFeatures, Selector
from clvl_bench.methods.sprompts.config import SPromptsConfig
from clvl_bench.methods.sprompts.domain_prompts import DomainPrompts


class SPrompts(PerExperience):
    """Image and text prompts of its own for each domain."""

    def __init__(
        self, config: SPromptsConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(
            config,
            backbone,
            classes,
            member=partial(DomainPrompts, config, backbone, classes),
            selector=partial(Selector, config, backbone.width),
            features=FrozenFeatures(backbone, pixels=True, wanted_by=config.title),
        )
