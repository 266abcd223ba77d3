"""GDA: Gaussian discriminant analysis on frozen features, its scores added to zero-shot's.

Wang et al. 2024, A hard-to-beat baseline for training-free CLIP-based adaptation (ICLR,
arXiv:2402.04087); the closed-form core of ENGINE (Zhou et al. 2025, arXiv:2503.08510), which mixes
both by a share set by hand. Classes share a covariance S of n samples in d dimensions; its inverse
is estimated as P = d (n S + tr(S) I)^-1 (Kubokawa & Srivastava 2008), which exists even where n is
below d. Logits are s x' t + alpha (x' P m - m' P m / 2) for the text t and mean m of a
class; the log of equal priors, which moves no class, is left out.

Differs from the released code: moments are exact from a stream, in float64, and are of one view an
image, not of ten augmented ones. ENGINE's release averages the inverses of its tasks; here scatters
are pooled, which is the same whatever the order.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.gaussian import SharedCovariance, linear_discriminant
from clvl_bench.methods.gda.config import GdaConfig


class Gda(SharedCovariance):
    """Zero-shot logits and alpha times the discriminant.

    Raises:
        Mistake: classes without text.
    """

    def __init__(self, config: GdaConfig, backbone: Backbone, classes: Sequence[Candidate]) -> None:
        if not bool(torch.isfinite(backbone.class_features(classes)).all()):
            raise Mistake(
                "adapter 'gda' adds to zero-shot logits, and these data have no text features; use "
                "slda, the discriminant alone"
            )
        super().__init__(config, backbone, classes)
        self._alpha = config.alpha

    def precision(self) -> Tensor:
        """P [width, width]. With few samples n S is the scatter and tr(S) its trace by n - 1, as
        released.
        """
        width = len(self.scatter)
        identity = torch.eye(width, dtype=torch.float64, device=self.scatter.device)
        trace = self.scatter.trace() / (self.counts.sum() - 1).clamp(min=1)
        inverse: Tensor = torch.linalg.pinv(self.scatter + trace * identity, hermitian=True)
        return width * inverse

    def solve(self) -> Tensor:
        return linear_discriminant(self.means, self.precision() @ self.means.T)

    def combined(self, own: Tensor, zeroshot: Tensor) -> Tensor:
        """Classes that were not learned stay out: `own` is minus infinity for them."""
        return zeroshot + self._alpha * own
