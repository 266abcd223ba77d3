"""Gaussians of DIKI: to which experience a sample belongs, and how well it fits there (Tang et al.
2024, arXiv:2407.05342).
"""

import math

import torch
from torch import Tensor

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.methods._base.analytic import grown
from clvl_bench.methods._base.moments import join_moments
from clvl_bench.methods._base.selector import NOBODY, Chooser


class Gaussians(Chooser):
    """`counts` [experiences], `means` [experiences, width] and `scatters` [experiences, width,
    width] of unit image features, in float64: fits of narrow Gaussians are lost in float32.
    """

    counts: Tensor
    means: Tensor
    scatters: Tensor

    def __init__(self, width: int, ridge: float, *, together: bool) -> None:
        super().__init__()
        self._ridge = ridge
        self._together = together
        self._closed = 0
        self.register_buffer("counts", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("means", torch.zeros(0, width, dtype=torch.float64))
        self.register_buffer("scatters", torch.zeros(0, width, width, dtype=torch.float64))
        self._factors: dict[int, Tensor] = {}
        """Of each experience that was asked about; they follow from the scatters."""

    def observe(self, features: Tensor, targets: Tensor) -> None:
        self._grow(self._closed + 1)
        new = l2_normalize(features.detach().double()).to(self.means.device)
        grew = join_moments(self.means, self.counts, self._closed, new)
        self.scatters[self._closed] += grew

    def close(self, experience: int) -> None:
        self._closed = experience + 1
        self._grow(self._closed)

    def choices(self, features: Tensor) -> Tensor:
        chosen = self._best(features)[1]
        # Of several that are as frequent it is the earliest experience.
        return chosen.mode().values.expand_as(chosen) if self._together else chosen

    def shares(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """How much of what its best experience learned counts for each sample: in the image tower,
        and in the text tower, both [batch].

        sigmoid(log p / width - 1) of the density p of the best Gaussian. Together, the text tower
        has the mean of all.
        """
        fits = self._best(features)[0]
        image = torch.sigmoid(fits / self.means.shape[1] - 1).to(features.dtype)
        return image, image.mean().expand_as(image) if self._together else image

    def log_densities(self, features: Tensor) -> Tensor:
        """Of features [batch, width] made unit, under each closed experience [batch, experiences];
        minus infinity under one without samples.
        """
        samples = l2_normalize(features.double())
        densities = samples.new_full((len(samples), self._closed), -torch.inf)
        for experience in range(self._closed):
            if self.counts[experience] > 0:
                factor = self._factor(experience)
                away = samples - self.means[experience]
                scaled = torch.linalg.solve_triangular(factor, away.T, upper=False)
                constant = factor.diagonal().log().sum() + len(factor) / 2 * math.log(2 * math.pi)
                densities[:, experience] = -scaled.square().sum(dim=0) / 2 - constant
        return densities

    def _best(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The largest log density of each sample and whose it is, both [batch]."""
        if not bool(self.counts[: self._closed].any()):
            nobody = torch.full((len(features),), NOBODY, device=features.device)
            return features.new_full((len(features),), -torch.inf).double(), nobody
        best = self.log_densities(features).max(dim=1)
        return best.values, best.indices

    def _factor(self, experience: int) -> Tensor:
        """The lower Cholesky factor [width, width] of the covariance and the ridge."""
        if experience not in self._factors:
            covariance = self.scatters[experience] / (self.counts[experience] - 1).clamp(min=1)
            ridge = self._ridge * torch.eye(len(covariance)).to(covariance)
            self._factors[experience] = torch.linalg.cholesky(covariance + ridge)
        return self._factors[experience]

    def _grow(self, experiences: int) -> None:
        missing = experiences - len(self.counts)
        if missing > 0:
            self.counts = grown(self.counts, missing)
            self.means = grown(self.means, missing)
            self.scatters = grown(self.scatters, missing)

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *rest: object
    ) -> None:
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self._closed = len(self.counts)
        self._factors.clear()
