"""RAPF: one linear map A on image features, taught by new classes and by pseudo-features of old
ones.

Huang et al. 2024, Class-incremental learning with CLIP: adaptive representation adjustment and
parameter fusion (arXiv:2407.14143), as released: logits are scale * cos(A x, text). Old classes are
Gaussians of features before the map; each step draws from some of them. Where the texts of an old
and of a new class are near, a hinge keeps the old class's pseudo-features on its side. After an
experience the map is fused with the one before, direction by direction.

Differs from the released code: a class text is the mean over all templates; the old classes of a
step are drawn for each step, not walked through in an order of the epoch; the rate falls as the
strategy's schedule says, where it was divided by ten at epochs 4 and 10; a class that comes again
joins its Gaussian, and what is drawn is what was known before the experience. A covariance of width
d costs as much as d features: see kept_bytes. The ridge is meant for features as the tower gives
them; where they are stored as unit ones it is no small part of their variance.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize, with_texts
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State, rows_by_class
from clvl_bench.methods._base.analytic import grown, not_seen_of
from clvl_bench.methods._base.losses import TrainingBatch
from clvl_bench.methods._base.moments import join_moments, shrunken
from clvl_bench.methods.rapf.config import RapfConfig

RIDGE = 1e-4
"""Added to every variance, as released."""


@dataclass(frozen=True)
class Gaussians:
    """Old classes as they were before an experience: means [classes, width] and the Cholesky
    factors of their covariances [classes, width, width].
    """

    class_ids: ClassIds
    means: Tensor
    factors: Tensor

    def draw(self, row: int, count: int) -> Tensor:
        """Pseudo-features [count, width] of a class. The noise is drawn on the CPU, so that it is
        the same on every device.
        """
        noise = torch.randn(count, self.means.shape[1]).to(self.means)
        return noise @ self.factors[row].T + self.means[row]


class Rapf(Adapter):
    """`map.weight` [width, width], and of each class its count, mean and scatter.

    The start is not zero-shot: as released, the map starts at random.

    Raises:
        Mistake: a class has no text.
    """

    observes_first = True
    starts_as_zeroshot = False
    counts: Tensor
    means: Tensor
    scatters: Tensor

    def __init__(
        self, config: RapfConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found = with_texts(backbone, classes, wanted_by=config.title)
        super().__init__(config, found, classes)
        self._config = config
        self.seen_classes: ClassIds = ()
        width = backbone.width
        self.map = nn.Linear(width, width, bias=False)
        self.register_buffer("counts", torch.zeros(0))
        self.register_buffer("means", torch.zeros(0, width))
        self.register_buffer("scatters", torch.zeros(0, width, width))
        self._old: Gaussians | None = None
        self._weight_before: Tensor | None = None
        self._hard_pairs: list[tuple[int, int]] = []

    def begin(self, class_ids: ClassIds) -> None:
        old = self.seen_classes
        if not old:
            return
        covariances = self.scatters / (self.counts - 1).clamp(min=1)[:, None, None]
        factors = [cholesky_factor(each, shrink=self._config.shrink) for each in covariances]
        self._old = Gaussians(old, self.means.clone(), torch.stack(factors))
        self._weight_before = self.map.weight.detach().clone()
        new = tuple(class_id for class_id in class_ids if class_id not in old)
        self._hard_pairs = []
        if not new:  # another domain of classes that are known
            return
        pairs = near_pairs(self.class_texts(old), self.class_texts(new), self._config.threshold)
        self._hard_pairs = [(old_row, new[new_row]) for old_row, new_row in pairs]

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        arrived = dict.fromkeys(targets[targets >= 0].tolist())
        new = not_seen_of(arrived, self.seen_classes)
        self.seen_classes = (*self.seen_classes, *new)
        self.counts = grown(self.counts, len(new))
        self.means = grown(self.means, len(new))
        self.scatters = grown(self.scatters, len(new))
        row_of = rows_by_class(self.seen_classes)
        for class_id in arrived:
            row = row_of[class_id]
            of_class = inputs[targets == class_id]
            self.scatters[row] += join_moments(self.means, self.counts, row, of_class)

    def image(self, inputs: Tensor) -> Tensor:
        mapped: Tensor = self.map(inputs)
        return mapped

    def classifier(self, candidates: ClassIds) -> Tensor:
        return self.class_texts(candidates)

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Cross-entropy over the batch and pseudo-features of some old classes together, and the
        hinge of hard pairs.
        """
        if self._old is None:
            return super().loss(batch)
        loss = super().loss(self._with_old_classes(batch, self._old))
        hinge = self._hinge(self._old)
        return loss if hinge is None else loss + hinge

    def _with_old_classes(self, batch: TrainingBatch, old: Gaussians) -> TrainingBatch:
        """The batch, and behind its logits and labels those of old classes that are scored."""
        order = torch.randperm(len(old.class_ids)).tolist()
        scored = [row for row in order if old.class_ids[row] in self.scored]
        logits = [batch.logits]
        labels = [batch.labels]
        for row in scored[: self._config.replayed_classes]:
            drawn = old.draw(row, self._config.draws)
            logits.append(self._logits_of(drawn, batch.logits))
            labels.append(batch.labels.new_full((len(drawn),), old.class_ids[row]))
        return replace(batch, logits=torch.cat(logits), labels=torch.cat(labels))

    def _logits_of(self, features: Tensor, like: Tensor) -> Tensor:
        """As `forward`, but what the batch looked like (`encoded`) stays for losses on features."""
        texts = self.class_texts(self.scored)
        scores = self.backbone.logit_scale * l2_normalize(self.map(features)) @ texts.T
        logits = like.new_full((len(features), like.shape[1]), -torch.inf)
        logits[:, list(self.scored)] = scores.to(logits.dtype)
        return logits

    def _hinge(self, old: Gaussians) -> Tensor | None:
        """The mean over pseudo-features of all hard pairs; None if there is no pair."""
        if not self._hard_pairs:
            return None
        losses = []
        for row, new_class in self._hard_pairs:
            drawn = l2_normalize(self.map(old.draw(row, 2 * self._config.draws)))
            texts = self.class_texts((old.class_ids[row], new_class))
            own, other = (drawn @ texts.T).unbind(dim=1)
            losses.append(torch.relu(self._config.margin - own + other))
        return torch.cat(losses).mean()

    def end(self) -> None:
        if self._weight_before is not None:
            fused = fuse(self._weight_before, self.map.weight.detach(), share=self._config.fusion)
            with torch.no_grad():
                self.map.weight.copy_(fused)
        self._old = None
        self._weight_before = None
        self._hard_pairs = []
        self.forget_classifiers()

    def kept_samples(self) -> int:
        """The mean of a class of a single sample is that sample."""
        return int((self.counts == 1).sum())

    def state(self) -> State:
        return {"learned": list(self.seen_classes), **super().state()}

    def load(self, state: State) -> None:
        self.seen_classes = tuple(state["learned"])
        # Replaced and not copied into: they have grown, and torch copies equal sizes alone.
        for name, statistic in list(self.named_buffers()):
            setattr(self, name, state[name].to(statistic.device, copy=True))
        with torch.no_grad():
            self.map.weight.copy_(state["map.weight"])
        self.forget_classifiers()


def cholesky_factor(covariance: Tensor, *, shrink: bool) -> Tensor:
    """The lower factor L [width, width] of the covariance and the ridge, as released; in float64,
    where rounding leaves the ridge above zero.
    """
    whole = covariance.double()
    whole = whole + RIDGE * torch.eye(len(whole), dtype=whole.dtype, device=whole.device)
    if shrink:
        whole = shrunken(whole, diagonal=1.0, off_diagonal=1.0)
    factor: Tensor = torch.linalg.cholesky(whole)
    return factor.to(covariance.dtype)


def near_pairs(old: Tensor, new: Tensor, threshold: float) -> list[tuple[int, int]]:
    """Rows (old, new) of unit texts [classes, width] that are nearer to each other than that."""
    near = torch.cdist(old, new) < threshold
    return [(int(old_row), int(new_row)) for old_row, new_row in near.nonzero()]


def fuse(before: Tensor, after: Tensor, *, share: float) -> Tensor:
    """The map before an experience and the one behind it as one [width, width] (section 3.4).

    In the basis of the left singular vectors of the one before, each entry takes the more of the
    new map the further it moved, and at least `share` of it.
    """
    basis, singular, right = torch.linalg.svd(before)
    was = singular[:, None] * right
    now = basis.T @ after
    moved = (now - was).abs()
    # A map that did not move at all has no largest move to divide by.
    weight = moved / moved.max().clamp(min=torch.finfo(moved.dtype).tiny)
    weight = (weight + share).clamp(max=1)
    fused: Tensor = basis @ (now * weight + was * (1 - weight))
    return fused
