"""FeCAM: the nearest class mean by Mahalanobis distance, with a covariance of each class.

Goswami et al. 2023, FeCAM: exploiting the heterogeneity of class distributions in exemplar-free
continual learning (arXiv:2309.14062), equations 6 to 9, as in the released code for transformers
(`FeCAM_vit_cifar100.py`): unit features without Tukey's transform, which needs features above zero.
Differs: moments are exact from a stream, in float64; a class of a single sample, whose covariance
is nothing, has the identity in the place of its correlations.

A covariance of width d costs as much as d features, so that few samples a class are kept cheaper as
they are: see kept_bytes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.analytic import grown
from clvl_bench.methods._base.gaussian import ClassMoments
from clvl_bench.methods._base.moments import shrunken
from clvl_bench.methods.fecam.config import FecamConfig


class Fecam(ClassMoments):
    """The scatter of each class [learned, width, width]."""

    scatters: Tensor

    def __init__(
        self, config: FecamConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes, unseen=config.unseen)
        self._config = config
        width = backbone.width
        self.register_buffer("scatters", torch.zeros(0, width, width, dtype=torch.float64))

    def grow(self, count: int) -> None:
        super().grow(count)
        self.scatters = grown(self.scatters, count)

    def add_scatter(self, row: int, grew: Tensor) -> None:
        self.scatters[row] += grew

    def solve(self) -> Tensor:
        """The precision of each class [learned, width, width]."""
        each = zip(self.scatters, self.counts.tolist(), strict=True)
        return torch.stack([self._precision(scatter, count) for scatter, count in each])

    def _precision(self, scatter: Tensor, count: float) -> Tensor:
        """The inverse [width, width] of a class's shrunken and normalised covariance."""
        identity = torch.eye(len(scatter), dtype=scatter.dtype, device=scatter.device)
        if count < 2:
            return identity
        covariance = shrunken(
            scatter / (count - 1),
            diagonal=self._config.diagonal,
            off_diagonal=self._config.off_diagonal,
        )
        if self._config.correlations:
            deviations = covariance.diagonal().sqrt()
            covariance = covariance / torch.outer(deviations, deviations)
        factor, failed = torch.linalg.cholesky_ex(covariance)
        precision: Tensor
        if bool(failed):  # it is singular, as without shrinking of fewer samples than values
            precision = torch.linalg.pinv(covariance, hermitian=True)
        else:
            precision = torch.cholesky_inverse(factor)
        return precision

    def score(self, features: Tensor, solved: Tensor) -> Tensor:
        """Minus the squared distance to each class; class by class, for memory's sake."""
        distances = []
        for mean, precision in zip(self.means, solved, strict=True):
            away = features - mean
            distances.append((away @ precision * away).sum(dim=1))
        return -torch.stack(distances, dim=1)
