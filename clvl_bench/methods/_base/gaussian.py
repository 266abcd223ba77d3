"""Gaussian classes with one covariance: exact moments from a stream, whatever the order."""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.analytic import Analytic, grown
from clvl_bench.methods._base.config import AdapterConfig
from clvl_bench.methods._base.moments import join_moments


class SharedCovariance(Analytic):
    """Class means [learned, width], counts [learned], and the scatter within classes [width,
    width], which is the sum over samples of (x - m)(x - m)' for the mean m of x's class.
    """

    means: Tensor
    counts: Tensor
    scatter: Tensor

    def __init__(
        self,
        config: AdapterConfig,
        backbone: Backbone,
        classes: Sequence[Candidate],
        *,
        unseen: str = "zeroshot",
    ) -> None:
        super().__init__(config, backbone, classes, unseen=unseen)
        width = backbone.width
        self.register_buffer("means", torch.zeros(0, width, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("scatter", torch.zeros(width, width, dtype=torch.float64))

    def grow(self, count: int) -> None:
        self.means = grown(self.means, count)
        self.counts = grown(self.counts, count)

    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        for row in labels.unique().tolist():
            new = features[labels == row]
            self.scatter += join_moments(self.means, self.counts, row, new)


def linear_discriminant(means: Tensor, precision_means: Tensor) -> Tensor:
    """Weights [width + 1, classes] of x' P m - m' P m / 2 for each class mean m.

    Args:
        means: [classes, width].
        precision_means: P m [width, classes], P being the precision that all classes share.
    """
    bias = -0.5 * (means.T * precision_means).sum(dim=0, keepdim=True)
    return torch.cat([precision_means, bias])
