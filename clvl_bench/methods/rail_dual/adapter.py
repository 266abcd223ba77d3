"""RAIL, dual form: kernel ridge regression on all features so far, fused with zero-shot.

Xu et al. 2024, Advancing cross-domain discriminability in continual learning of vision-language
models (arXiv:2406.18868). All features are kept: memory and the solve grow with the stream, by n^2
numbers while it is solved. Unit features make a kernel of gamma 0.1 nearly flat (0.67 to 1), so
that lambda must be small, and float64 is needed. Differs from the released code as the primal form
does (rail.py).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.analytic import Analytic
from clvl_bench.methods._base.fusion import fused, refuse_without_texts
from clvl_bench.methods._base.ridge import solve_ridge
from clvl_bench.methods.rail_dual.config import RailDualConfig


class RailDual(Analytic):
    """Unit features [n, width] and the rows of their classes in `seen_classes` [n]; weights (K +
    lambda I)^-1 Y with one-hot Y.

    Raises:
        Mistake: classes without text, and a share for them.
    """

    features: Tensor
    labels: Tensor

    def __init__(
        self, config: RailDualConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        refuse_without_texts(backbone, classes, config.fusion)
        super().__init__(config, backbone, classes)
        self._kernel = config.kernel
        self._gamma = config.gamma
        self._ridge = config.ridge
        self._fusion = config.fusion
        self.register_buffer("features", torch.zeros(0, backbone.width, dtype=torch.float64))
        self.register_buffer("labels", torch.zeros(0, dtype=torch.long))

    def grow(self, count: int) -> None:
        """Nothing: a class is a column of Y, which is made when it is needed."""

    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        self.features = torch.cat([self.features, features])
        self.labels = torch.cat([self.labels, labels])

    def expand(self, features: Tensor) -> Tensor:
        """Kernel values [batch, n]: exp(-gamma |x - z|^2), or x' z."""
        products = features @ self.features.T
        if self._kernel == "linear":
            return products
        lengths = features.square().sum(dim=1)[:, None] + self.features.square().sum(dim=1)
        return torch.exp(-self._gamma * (lengths - 2 * products))

    def solve(self) -> Tensor:
        targets = torch.nn.functional.one_hot(self.labels, len(self.seen_classes)).double()
        return solve_ridge(self.expand(self.features), targets, self._ridge)

    def combined(self, own: Tensor, zeroshot: Tensor) -> Tensor:
        return fused(own, zeroshot, self._fusion)

    def kept_samples(self) -> int:
        return len(self.labels)
