"""SLDA: linear discriminant analysis with a shared covariance, from a stream.

Hayes & Kanan 2020, Lifelong machine learning with deep streaming linear discriminant analysis
(arXiv:1909.01520). Differs from the released code (and from Avalanche's): its recursion weighs the
outer product of a new sample by N / (N + 1) instead of c / (c + 1) and starts means at zero, so
that its covariance depends on the order of arrival; here class means and scatter are updated
exactly (Chan et al. 1983), which equals the batch estimate whatever the order and batching. With
`form = "published"` the recursion is theirs, sample by sample, without the batch estimate of the
first classes (`fit_base`) from which their experiments start. Priors are equal in both.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.gaussian import SharedCovariance, linear_discriminant
from clvl_bench.methods.slda.config import SldaConfig


class Slda(SharedCovariance):
    """Scores x' L m - m' L m / 2 for each class mean m, with L the inverse of the shrunken
    covariance.
    """

    def __init__(
        self, config: SldaConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes, unseen=config.unseen)
        self._shrinkage = config.shrinkage
        self._form = config.form

    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        if self._form == "exact":
            super().accumulate(features, labels)
        else:
            for row, feature in zip(labels.tolist(), features, strict=True):
                self._recur(row, feature)

    def _recur(self, row: int, new: Tensor) -> None:
        """The released code's update by one sample [width], N being all samples so far."""
        total = self.counts.sum()
        away = new - self.means[row]
        self.scatter.addr_(away, away * total / (total + 1))
        self.means[row] += away / (self.counts[row] + 1)
        self.counts[row] += 1

    def covariance(self) -> Tensor:
        """Pooled covariance within classes [width, width], divided by the number of samples."""
        return self.scatter / self.counts.sum().clamp(min=1)

    def solve(self) -> Tensor:
        identity = torch.eye(len(self.scatter), dtype=torch.float64, device=self.scatter.device)
        shrunken = (1 - self._shrinkage) * self.covariance() + self._shrinkage * identity
        return linear_discriminant(self.means, torch.linalg.solve(shrunken, self.means.T))
