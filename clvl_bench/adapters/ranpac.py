"""RanPAC: ridge regression on a fixed random expansion of frozen features.

McDonnell et al. 2023, RanPAC: random projections and pre-trained models for continual learning (arXiv:2307.02251), its
second phase. Differs from the released code: unit features of the joint space, not pooled ones before the projection;
float64 sums and a Cholesky factor. lambda is chosen as published after each experience: fitted on four fifths of its
samples, judged by squared error on the rest; then everything seen so far is solved with it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.adapters.analytic import Analytic, grown
from clvl_bench.backbones import Backbone
from clvl_bench.config.adapters import RanPacAdapter
from clvl_bench.datasets import Candidate

RIDGES = tuple(10.0**exponent for exponent in range(-8, 9))


class RanPac(Analytic):
    """Gram matrix G [M, M] and class sums Q [learned, M] of h = ReLU(x R); scores h W with (G + lambda I) W = Q'."""

    projection: Tensor
    gram: Tensor
    sums: Tensor
    ridge: Tensor

    def __init__(self, config: RanPacAdapter, backbone: Backbone, table: Sequence[Candidate]) -> None:
        super().__init__(backbone, table, unseen=config.unseen)
        self._fixed_ridge = config.ridge
        width = config.random_features
        self.register_buffer("projection", torch.randn(backbone.width, width))
        self.register_buffer("gram", torch.zeros(width, width, dtype=torch.float64))
        self.register_buffer("sums", torch.zeros(0, width, dtype=torch.float64))
        self.register_buffer("ridge", torch.tensor(config.ridge or 1.0, dtype=torch.float64))
        self._experience: list[tuple[Tensor, Tensor]] = []  # until the experience ends: to choose lambda on
        self._weights: Tensor | None = None

    def expand(self, features: Tensor) -> Tensor:
        """h [batch, M] in float64."""
        return torch.relu(features @ self.projection.double())

    def grow(self, classes: int) -> None:
        self.sums, self._weights = grown(self.sums, classes), None

    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        expanded = self.expand(features)
        self.gram += expanded.T @ expanded
        self.sums.index_add_(0, labels, expanded)
        self._weights = None
        if self._fixed_ridge is None:
            self._experience.append((features, labels))

    def end(self) -> None:
        if self._experience:
            features, labels = (torch.cat(column) for column in zip(*self._experience, strict=True))
            self.ridge.fill_(self._chosen(features, labels))
        self._experience.clear()
        self._weights = None

    def scores(self, features: Tensor) -> Tensor:
        if self._weights is None:
            self._weights = solve_ridge(self.gram, self.sums.T, float(self.ridge))
        scores: Tensor = self.expand(features) @ self._weights
        return scores

    def _chosen(self, features: Tensor, labels: Tensor) -> float:
        """The lambda of the smallest squared error; samples come in the shuffled order of the stream."""
        fitted = max(1, int(0.8 * len(features)))
        if fitted == len(features):
            return float(self.ridge)
        expanded = self.expand(features)
        fit, judge = expanded[:fitted], expanded[fitted:]
        targets = torch.nn.functional.one_hot(labels, len(self.learned)).double()
        # One factorisation serves all lambdas, of the smaller side: samples x samples or features x features.
        if fitted <= fit.shape[1]:
            values, vectors = torch.linalg.eigh(fit @ fit.T)
            left, right = judge @ fit.T @ vectors, vectors.T @ targets[:fitted]
        else:
            values, vectors = torch.linalg.eigh(fit.T @ fit)
            left, right = judge @ vectors, vectors.T @ (fit.T @ targets[:fitted])
        errors = [
            float(((left / (values.clamp(min=0) + ridge)) @ right - targets[fitted:]).square().mean()) for ridge in RIDGES
        ]
        return RIDGES[errors.index(min(errors))]


def solve_ridge(gram: Tensor, sums: Tensor, ridge: float) -> Tensor:
    """W [M, classes] with (G + lambda I) W = Q.

    A lambda too small for the Cholesky factor of a singular G falls back on a symmetric eigendecomposition.
    """
    damped = gram + ridge * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    factor, failed = torch.linalg.cholesky_ex(damped)
    weights: Tensor
    if bool(failed):
        values, vectors = torch.linalg.eigh(gram)
        weights = vectors @ ((vectors.T @ sums) / (values.clamp(min=0) + ridge)[:, None])
    else:
        weights = torch.cholesky_solve(sums, factor)
    return weights


def build(config: RanPacAdapter, backbone: Backbone, table: Sequence[Candidate]) -> RanPac:
    return RanPac(config, backbone, table)
