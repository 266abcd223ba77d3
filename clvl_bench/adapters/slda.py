"""SLDA: linear discriminant analysis with a shared covariance, from a stream.

Hayes & Kanan 2020, Lifelong machine learning with deep streaming linear discriminant analysis (arXiv:1909.01520). Differs
from the released code (and from Avalanche's): the published recursion weighs a class's new sample by N / (N + 1) instead of
c / (c + 1) and starts means at zero, so that its covariance depends on the order of arrival; here class means and scatter
are updated exactly (Chan et al. 1983), which equals the batch estimate whatever the order and batching. Priors are equal.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.adapters.analytic import Analytic, grown
from clvl_bench.backbones import Backbone
from clvl_bench.config.adapters import SldaAdapter
from clvl_bench.datasets import Candidate


class Slda(Analytic):
    """Class means [learned, width], counts [learned], and the scatter within classes [width, width]."""

    means: Tensor
    counts: Tensor
    scatter: Tensor

    def __init__(self, config: SldaAdapter, backbone: Backbone, table: Sequence[Candidate]) -> None:
        super().__init__(backbone, table, unseen=config.unseen)
        self._shrinkage = config.shrinkage
        self.register_buffer("means", torch.zeros(0, backbone.width, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("scatter", torch.zeros(backbone.width, backbone.width, dtype=torch.float64))

    def grow(self, classes: int) -> None:
        self.means, self.counts = grown(self.means, classes), grown(self.counts, classes)

    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        """Chan, Golub & LeVeque 1983: means and scatter of two sets together, from those of each."""
        for place in labels.unique().tolist():
            new = features[labels == place]
            count, mean = self.counts[place], new.mean(dim=0)
            away = mean - self.means[place]
            centred = new - mean
            self.scatter += centred.T @ centred + count * len(new) / (count + len(new)) * torch.outer(away, away)
            self.means[place] += away * len(new) / (count + len(new))
            self.counts[place] += len(new)

    def covariance(self) -> Tensor:
        """Pooled covariance within classes [width, width], divided by the number of samples."""
        return self.scatter / self.counts.sum().clamp(min=1)

    def scores(self, features: Tensor) -> Tensor:
        """x' L m - m' L m / 2 for each class mean m, with L the inverse of the shrunken covariance."""
        identity = torch.eye(len(self.scatter), dtype=torch.float64, device=self.scatter.device)
        shrunken = (1 - self._shrinkage) * self.covariance() + self._shrinkage * identity
        weights = torch.linalg.solve(shrunken, self.means.T)  # [width, learned]
        scores = features @ weights - 0.5 * (self.means.T * weights).sum(dim=0)
        masked: Tensor = scores.masked_fill(self.counts == 0, -torch.inf)
        return masked


def build(config: SldaAdapter, backbone: Backbone, table: Sequence[Candidate]) -> Slda:
    return Slda(config, backbone, table)
