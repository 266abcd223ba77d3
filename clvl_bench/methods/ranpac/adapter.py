"""RanPAC: ridge regression on a fixed random expansion of frozen features.

McDonnell et al. 2023, RanPAC: random projections and pre-trained models for continual learning
(arXiv:2307.02251), its second phase. Differs from the released code: unit features of the joint
space, not pooled ones before the projection; float64 sums and a Cholesky factor. lambda is chosen
as published after each experience: fitted on four fifths of its samples, judged by squared error on
the rest; then everything seen so far is solved with it. The trap: two easy classes at the end may
choose hardly any ridge for all classes before them (results/README.md); `ridge` fixes it.
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
        self, config: RanPacConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        projection = torch.randn(backbone.width, config.random_features)
        super().__init__(
            config,
            backbone,
            classes,
            projection=projection,
            ridge=config.ridge or 1.0,
            unseen=config.unseen,
        )
        self._fixed_ridge = config.ridge
        # All batches of the experience in hand, to choose lambda on when it ends.
        self._features: list[Tensor] = []
        self._labels: list[Tensor] = []

    def accumulate(self, features: Tensor, labels: Tensor) -> None:
        super().accumulate(features, labels)
        if self._fixed_ridge is None:
            self._features.append(features)
            self._labels.append(labels)

    def end(self) -> None:
        if self._features:
            chosen = self._chosen(torch.cat(self._features), torch.cat(self._labels))
            self.ridge.fill_(chosen)
        self._features.clear()
        self._labels.clear()
        super().end()

    def _chosen(self, features: Tensor, labels: Tensor) -> float:
        """The lambda of the smallest squared error; samples come in the shuffled order of the
        stream.
        """
        fitted = max(1, int(0.8 * len(features)))
        if fitted == len(features):
            return float(self.ridge)
        expanded = self.expand(features)
        fit = expanded[:fitted]
        judge = expanded[fitted:]
        targets = torch.nn.functional.one_hot(labels, len(self.seen_classes)).double()
        # One factorisation serves all lambdas, of the smaller side: samples x samples or features x
        # features.
        if fitted <= fit.shape[1]:
            values, vectors = torch.linalg.eigh(fit @ fit.T)
            left = judge @ fit.T @ vectors
            right = vectors.T @ targets[:fitted]
        else:
            values, vectors = torch.linalg.eigh(fit.T @ fit)
            left = judge @ vectors
            right = vectors.T @ (fit.T @ targets[:fitted])
        errors = []
        for ridge in RIDGES:
            predicted = (left / (values.clamp(min=0) + ridge)) @ right
            errors.append(float((predicted - targets[fitted:]).square().mean()))
        return RIDGES[errors.index(min(errors))]
