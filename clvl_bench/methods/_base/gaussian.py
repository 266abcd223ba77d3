"""Gaussian classes: exact moments from a stream, whatever the order."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.analytic import Analytic, grown
from clvl_bench.methods._base.config import AdapterConfig
from clvl_bench.methods._base.moments import join_moments


class ClassMoments(Analytic):
    """Class means [learned, width] and counts [learned]; the subclass says where scatter goes."""

    means: Tensor
    counts: Tensor

    def __init__(
        self,
        config: AdapterConfig,
        backbone: Backbone,
        classes: Sequence[Candidate],
        *,
        unseen: str = "zeroshot",
    ) -> None:
        super().__init__(config, backbone, classes, unseen=unseen)
        self.register_buffer("means", torch.zeros(0, backbone.width, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(0, dtype=torch.float64))

    @abstractmethod
    def add_scatter(self, row: int, grew: Tensor) -> None:
        """The scatter of a class grew by [width, width]: the sum over its samples x of
        (x - m)(x - m)', m being their mean.
        """

    def grow(self, count: int) -> None:
        self.means = grown(self.means, count)
        self.counts = grown(self.counts, count)

    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        for row in labels.unique().tolist():
            new = features[labels == row]
            self.add_scatter(row, join_moments(self.means, self.counts, row, new))


class SharedCovariance(ClassMoments):
    """The scatter within all classes together [width, width]."""

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
        self.register_buffer("scatter", torch.zeros(width, width, dtype=torch.float64))

    def add_scatter(self, row: int, grew: Tensor) -> None:
        self.scatter += grew


def linear_discriminant(means: Tensor, precision_means: Tensor) -> Tensor:
    """Weights [width + 1, classes] of x' P m - m' P m / 2 for each class mean m.

    Args:
        means: [classes, width].
        precision_means: P m [width, classes], P being the precision that all classes share.
    """
    bias = -0.5 * (means.T * precision_means).sum(dim=0, keepdim=True)
    return torch.cat([precision_means, bias])
