"""RanPAC: ridge regression on a fixed random expansion of frozen features.

McDonnell et al. 2023, RanPAC: random projections and pre-trained models for continual learning
(arXiv:2307.02251), its second phase. Differs from the released code: unit features of the joint
space, not pooled ones before the projection; float64 sums and a Cholesky factor. lambda is chosen
as published after each experience: fitted on four fifths of its samples, judged by squared error on
the rest; then everything seen so far is solved with it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.ridge import RandomRidge
from clvl_bench.methods.ranpac.config import RanPacConfig

RIDGES = tuple(10.0**exponent for exponent in range(-8, 9))


class RanPac(RandomRidge):
    """R is standard normal; lambda is chosen anew when an experience ends, unless it is fixed."""

    def __init__(
        self, config: RanPacConfig, backbone: Backbone, table: Sequence[Candidate]
    ) -> None:
        projection = torch.randn(backbone.width, config.random_features)
        super().__init__(
            backbone, table, projection=projection, ridge=config.ridge or 1.0, unseen=config.unseen
        )
        self._fixed_ridge = config.ridge
        self._experience: list[
            tuple[Tensor, Tensor]
        ] = []  # until the experience ends: to choose lambda on

    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        super().accumulate(features, labels)
        if self._fixed_ridge is None:
            self._experience.append((features, labels))

    def end(self) -> None:
        if self._experience:
            features, labels = (torch.cat(column) for column in zip(*self._experience, strict=True))
            self.ridge.fill_(self._chosen(features, labels))
        self._experience.clear()
        super().end()

    def _chosen(self, features: Tensor, labels: Tensor) -> float:
        """The lambda of the smallest squared error; samples come in the shuffled order of the
        stream.
        """
        fitted = max(1, int(0.8 * len(features)))
        if fitted == len(features):
            return float(self.ridge)
        expanded = self.expand(features)
        fit, judge = expanded[:fitted], expanded[fitted:]
        targets = torch.nn.functional.one_hot(labels, len(self.seen_classes)).double()
        # One factorisation serves all lambdas, of the smaller side: samples x samples or features x
        # features.
        if fitted <= fit.shape[1]:
            values, vectors = torch.linalg.eigh(fit @ fit.T)
            left, right = judge @ fit.T @ vectors, vectors.T @ targets[:fitted]
        else:
            values, vectors = torch.linalg.eigh(fit.T @ fit)
            left, right = judge @ vectors, vectors.T @ (fit.T @ targets[:fitted])
        errors = [
            float(
                ((left / (values.clamp(min=0) + ridge)) @ right - targets[fitted:]).square().mean()
            )
            for ridge in RIDGES
        ]
        return RIDGES[errors.index(min(errors))]


def build(config: RanPacConfig, backbone: Backbone, table: Sequence[Candidate]) -> RanPac:
    return RanPac(config, backbone, table)
