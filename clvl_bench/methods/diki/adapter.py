"""DIKI: each experience learns keys and values that stand beside the frozen attention of both
towers, and a Gaussian says how much of them a sample gets.

Tang et al. 2024, Mind the interference: retaining pre-trained knowledge in parameter efficient
continual learning of vision-language models (arXiv:2407.05342), its interference-free knowledge
integration and its distribution-aware integration calibration. Attention becomes softmax(q K') V +
share * softmax(q P_k') P_v: the second term takes nothing from the first, as a prefix would, and is
0 at the start, where P_v is 0. In training the share is 1. In testing the experience is the one
under whose Gaussian of frozen unit image features a sample is most likely, and the share is
sigmoid(log p / width - 1), so that what no experience knows is left to zero-shot.

**The released configuration takes a majority vote over the test batch**, which comes from one
dataset, and the mean share of the batch for the class texts, so that a prediction depends on the
other samples of its batch: `routing = "batch"` is that form, called transductive in records. Here
each sample has its own experience and its own share, in either tower: what the released code does
with a batch of one. Then class texts are encoded for each sample, which is as slow as it sounds.

Differs from the released code: fp32, and Gaussians in float64; the width of a feature in the place
of 512; the pairs behind the last epoch, there those of the epoch that was best on validation; the
rate falls to 0, there to a thousandth; training takes a class's first template, testing all. Open
in the paper, whose tasks are datasets with classes of their own: an experience may have any of the
classes, and its Gaussian is of all its samples, whatever their labels.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.layers import with_layers
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds
from clvl_bench.methods._base.per_experience import PerExperience
from clvl_bench.methods._base.selector import NOBODY, FrozenFeatures
from clvl_bench.methods.diki.config import DikiConfig
from clvl_bench.methods.diki.gaussians import Gaussians
from clvl_bench.methods.diki.integration import Integration


class Diki(PerExperience):
    """An `Integration` for each experience, and the `Gaussians` that send samples to them."""

    selector: Gaussians

    def __init__(
        self, config: DikiConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found, _ = with_layers(backbone, wanted_by=config.title)
        together = config.routing == "batch"
        super().__init__(
            config,
            found,
            classes,
            member=partial(Integration, config, found, classes),
            selector=lambda seed: Gaussians(found.width, config.ridge, together=together),
            features=FrozenFeatures(found, pixels=True, wanted_by=config.title),
        )

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        """Training goes through the member that trains, with all of its share; otherwise each
        sample through the member chosen for it, with the share that it has.
        """
        if self.training:
            return self.current.logits(inputs, candidates)
        features = self._features(inputs)
        chosen = self.selector.choices(features)
        image_shares, text_shares = self.selector.shares(features)
        scores = self.untouched(inputs, candidates)
        for experience in chosen.unique().tolist():
            if experience == NOBODY:
                continue
            rows = torch.nonzero(chosen == experience).flatten()
            member: Integration = self.members[experience]
            scores[rows] = member.weighed_logits(
                inputs[rows], candidates, image_shares[rows], text_shares[rows]
            )
        return scores

    def kept_samples(self) -> int:
        """The mean of an experience of a single sample is that sample."""
        return int((self.selector.counts == 1).sum())
