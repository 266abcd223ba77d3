"""NCM: the nearest class mean of frozen features.

Mensink et al. 2013, Distance-based image classification: generalizing to new classes at near-zero
cost (TPAMI 35), and since iCaRL (Rebuffi et al. 2017, arXiv:1611.07725) the plainest classifier
that does not forget. Distance is Euclidean between unit features and the plain mean of a class's
unit features; a metric is not learned. Differs from iCaRL's: the mean is not made a unit vector
again, and it is of all samples, none of which is kept.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.analytic import Analytic, grown, with_one
from clvl_bench.methods.ncm.config import NcmConfig


class Ncm(Analytic):
    """Sums of unit features [learned, width] and counts [learned]."""

    sums: Tensor
    counts: Tensor

    def __init__(self, config: NcmConfig, backbone: Backbone, classes: Sequence[Candidate]) -> None:
        super().__init__(config, backbone, classes, unseen=config.unseen)
        self.register_buffer("sums", torch.zeros(0, backbone.width, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(0, dtype=torch.float64))

    def grow(self, count: int) -> None:
        self.sums = grown(self.sums, count)
        self.counts = grown(self.counts, count)

    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        self.sums.index_add_(0, labels, features)
        self.counts += torch.bincount(labels, minlength=len(self.seen_classes))

    def expand(self, features: Tensor) -> Tensor:
        return with_one(features)

    def solve(self) -> Tensor:
        """x' m - m' m / 2 is largest for the mean m nearest to x."""
        means = (self.sums / self.counts[:, None]).T
        return torch.cat([means, -0.5 * means.square().sum(dim=0, keepdim=True)])
