"""Ridge regression on a fixed random expansion of frozen features, from sums: what RanPAC and RAIL
share.

The sums are those of all data, so the solution is the joint one whatever the order and batching.
(The recursion on the inverse, which RAIL publishes, is the same in exact arithmetic and drifts in
fp32.)
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.analytic import Analytic, grown
from clvl_bench.methods._base.config import AdapterConfig


class RandomRidge(Analytic):
    """Gram matrix G [M, M] and class sums Q [learned, M] of h = ReLU(x R); weights W with (G +
    lambda I) W = Q'.

    Args:
        projection: R [width, M], fixed.
        ridge: lambda.
    """

    projection: Tensor
    gram: Tensor
    sums: Tensor
    ridge: Tensor

    def __init__(
        self,
        config: AdapterConfig,
        backbone: Backbone,
        classes: Sequence[Candidate],
        *,
        projection: Tensor,
        ridge: float,
        unseen: str = "zeroshot",
    ) -> None:
        super().__init__(config, backbone, classes, unseen=unseen)
        width = projection.shape[1]
        self.register_buffer("projection", projection)
        self.register_buffer("gram", torch.zeros(width, width, dtype=torch.float64))
        self.register_buffer("sums", torch.zeros(0, width, dtype=torch.float64))
        self.register_buffer("ridge", torch.tensor(ridge, dtype=torch.float64))

    def expand(self, features: Tensor) -> Tensor:
        """h [batch, M] in float64."""
        return torch.relu_(features @ self.projection.double())

    def grow(self, count: int) -> None:
        self.sums = grown(self.sums, count)

    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        expanded = self.expand(features)
        # Into G itself: a product of its own would cost another pass over M x M numbers for each
        # batch.
        self.gram.addmm_(expanded.T, expanded)
        self.sums.index_add_(0, labels, expanded)

    def solve(self) -> Tensor:
        return solve_ridge(self.gram, self.sums.T, float(self.ridge))


def solve_ridge(gram: Tensor, sums: Tensor, ridge: float) -> Tensor:
    """W [M, classes] with (G + lambda I) W = Q.

    A lambda too small for the Cholesky factor of a singular G falls back on a symmetric
    eigendecomposition.
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
