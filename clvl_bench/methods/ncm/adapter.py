"""NCM: the nearest class mean of frozen features.

Mensink et al. 2013, Distance-based image classification: generalizing to new classes at near-zero
cost (TPAMI 35), and since iCaRL (Rebuffi et al. 2017, arXiv:1611.07725) the plainest classifier
that does not forget. Distance is Euclidean between unit features and the plain mean of a class's
unit features; a metric is not learned. Differs from iCaRL's: the mean is not made a unit vector
again, and it is of all samples, none of which is kept.

With `metric = "cosine"` it is SimpleCIL (Zhou et al. 2023, Revisiting class-incremental learning
with pre-trained models: generalizability and adaptivity are all you need, arXiv:2303.07338): the
cosine to the mean. Its means are of unit features here, there of features as the tower gives them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.analytic import Analytic, grown
from clvl_bench.methods._base.gaussian import linear_discriminant
from clvl_bench.methods.ncm.config import NcmConfig


class Ncm(Analytic):
    """Sums of unit features [learned, width] and counts [learned]."""

    sums: Tensor
    counts: Tensor

    def __init__(self, config: NcmConfig, backbone: Backbone, classes: Sequence[Candidate]) -> None:
        super().__init__(config, backbone, classes, unseen=config.unseen)
        self._metric = config.metric
        self.register_buffer("sums", torch.zeros(0, backbone.width, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(0, dtype=torch.float64))

    def grow(self, count: int) -> None:
        self.sums = grown(self.sums, count)
        self.counts = grown(self.counts, count)

    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        self.sums.index_add_(0, labels, features)
        self.counts += torch.bincount(labels, minlength=len(self.seen_classes))

    def solve(self) -> Tensor:
        """x' m - m' m / 2 is largest for the mean m nearest to x; x' m / |m| for the one at the
        smallest angle.
        """
        means = self.sums / self.counts[:, None]
        if self._metric == "euclidean":
            return linear_discriminant(means, means.T)
        no_bias = means.new_zeros(1, len(means))
        return torch.cat([l2_normalize(means).T, no_bias])
