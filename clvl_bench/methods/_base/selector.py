"""Selector: to which experience a sample belongs, by the frozen backbone's features alone: no task
id is needed.

Wang et al. 2022, S-Prompts (arXiv:2207.12819): K-means centroids of each experience's unit
features, and the experience of the nearest centroid; the released code measures the distance as a
sum of absolute differences ("l1"). `class_mean` keeps one mean a class instead (Rebuffi et al.
2017, iCaRL, arXiv:1611.07725). Beyond both: with a `radius`, a sample farther from every experience
than nearly all of its own samples belongs to none, and is left to the untouched backbone.
"""

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, TowerBackbone, l2_normalize, with_towers
from clvl_bench.core.rng import rng
from clvl_bench.methods._base.selector_config import SelectorConfig

NOBODY = -1
"""The choice for a sample that belongs to no experience."""
_ROUNDS = 100


class Chooser(nn.Module):
    """Who says to which experience a sample belongs. What it knows are buffers whose first axis
    grows with the experiences.
    """

    @abstractmethod
    def observe(self, features: Tensor, targets: Tensor) -> None:
        """Features [batch, width] of the experience in hand, and their classes [batch], -1 where
        not known.
        """

    @abstractmethod
    def close(self, experience: int) -> None:
        """The experience is over: from now on samples may be sent to it. One without samples is
        never chosen.
        """

    @abstractmethod
    def choices(self, features: Tensor) -> Tensor:
        """The experience of each sample [batch], or NOBODY."""

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *rest: object
    ) -> None:
        # torch copies into buffers of equal size alone: make as many rows as were written.
        for name, buffer in self.named_buffers():
            setattr(self, name, torch.empty_like(state_dict[prefix + name], device=buffer.device))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class Selector(Chooser):
    """`centroids` [rows, width], each with the experience it is of and how far that reaches
    [rows].

    Args:
        seed: of where K-means starts.
        together: samples that are asked about together are all sent to one experience, to which
            they are the nearest in the mean.
    """

    centroids: Tensor
    owners: Tensor
    reaches: Tensor

    def __init__(
        self, settings: SelectorConfig, width: int, seed: int = 0, *, together: bool = False
    ) -> None:
        super().__init__()
        self._settings = settings
        self._seed = seed
        self._together = together
        self._features: list[Tensor] = []
        self._labels: list[Tensor] = []
        self.register_buffer("centroids", torch.zeros(0, width))
        self.register_buffer("owners", torch.zeros(0, dtype=torch.long))
        self.register_buffer("reaches", torch.zeros(0))

    def observe(self, features: Tensor, targets: Tensor) -> None:
        device = self.centroids.device
        self._features.append(l2_normalize(features.detach()).to(device))
        self._labels.append(targets.to(device))

    def close(self, experience: int) -> None:
        """Its centroids are fitted."""
        if not self._features:
            return
        features = torch.cat(self._features)
        labels = torch.cat(self._labels)
        self._features.clear()
        self._labels.clear()
        if self._settings.selector == "kmeans":
            generator = rng("k-means", self._seed, experience)
            centroids = kmeans(features, self._settings.centroids, generator)
        else:
            centroids = class_means(features, labels)
        reach = self._reach(features, centroids)
        count = (len(centroids),)
        self.centroids = torch.cat([self.centroids, centroids])
        self.owners = torch.cat([self.owners, self.owners.new_full(count, experience)])
        self.reaches = torch.cat([self.reaches, self.reaches.new_full(count, reach)])

    def choices(self, features: Tensor) -> Tensor:
        """The experience of each sample [batch], NOBODY before any has ended and beyond every
        reach.
        """
        nobody = torch.full((len(features),), NOBODY, device=features.device)
        if not len(self.centroids):
            return nobody
        distances = self._distances(l2_normalize(features), self.centroids)
        if self._together:
            return torch.full_like(nobody, self._nearest_in_the_mean(distances))
        nearest = distances.masked_fill(distances > self.reaches, torch.inf).min(dim=1)
        return torch.where(torch.isinf(nearest.values), nobody, self.owners[nearest.indices])

    def _nearest_in_the_mean(self, distances: Tensor) -> int:
        """The experience whose nearest centroids are the least away from all samples in the mean;
        NOBODY if that is beyond its reach.
        """
        nearest = NOBODY
        least = torch.inf
        for experience in self.owners.unique().tolist():
            own = self.owners == experience
            mean = float(distances[:, own].min(dim=1).values.mean())
            if mean < least:
                least = mean
                nearest = experience if mean <= self.reaches[own][0] else NOBODY
        return nearest

    def _reach(self, features: Tensor, centroids: Tensor) -> float:
        """How far from its nearest centroid the share `radius` of the experience's own samples
        lies; infinite without a radius.
        """
        if self._settings.radius is None:
            return torch.inf
        nearest = self._distances(features, centroids).min(dim=1).values
        return float(nearest.quantile(self._settings.radius))

    def _distances(self, features: Tensor, centroids: Tensor) -> Tensor:
        """[samples, centroids]; never by a matrix product, whose last bits depend on the size of
        the batch.
        """
        order = 1.0 if self._settings.distance == "l1" else 2.0
        return torch.cdist(
            features, centroids, p=order, compute_mode="donot_use_mm_for_euclid_dist"
        )


class FrozenFeatures:
    """The untouched backbone's image features of what an adapter reads. The last batch is
    remembered: several ask for it.
    """

    def __init__(self, backbone: Backbone, *, pixels: bool, wanted_by: str) -> None:
        self._tower: TowerBackbone | None = None
        if pixels:
            self._tower = with_towers(backbone, wanted_by=wanted_by)
        self._last: tuple[Tensor, Tensor] | None = None

    def __call__(self, inputs: Tensor) -> Tensor:
        """[batch, width], without a gradient."""
        if self._tower is None:
            return inputs
        if self._last is None or self._last[0] is not inputs:
            self._last = (inputs, self._tower.image_features(inputs))
        return self._last[1]

    def forget(self) -> None:
        self._last = None


def class_means(features: Tensor, labels: Tensor) -> Tensor:
    """The mean of each class that has a label [classes, width]; without any label one mean of
    all.
    """
    known = labels[labels >= 0].unique()
    if not len(known):
        return features.mean(dim=0)[None]
    return torch.stack([features[labels == label].mean(dim=0) for label in known])


def kmeans(samples: Tensor, clusters: int, generator: np.random.Generator) -> Tensor:
    """Centroids [at most `clusters`, width] of samples [n, width]: Lloyd's rounds from a k-means++
    start.
    """
    centroids = torch.stack(list(_spread(samples, min(clusters, len(samples)), generator)))
    return lloyd(samples, centroids)


def lloyd(samples: Tensor, centroids: Tensor) -> Tensor:
    """Lloyd's iteration: each centroid becomes the mean of the samples nearest to it, until none
    moves; an empty cluster keeps its centroid.
    """
    for _ in range(_ROUNDS):
        # Fitting is by squared distance, whatever distance selection uses, as in the released code.
        # All samples of an experience are here at once, so that no batch can change a last bit.
        nearest = torch.cdist(samples, centroids).argmin(dim=1)
        moved = centroids.clone()
        for number in range(len(centroids)):
            members = samples[nearest == number]
            if len(members):
                moved[number] = members.mean(dim=0)
        if torch.equal(moved, centroids):
            break
        centroids = moved
    return centroids


def _spread(samples: Tensor, count: int, generator: np.random.Generator) -> Iterator[Tensor]:
    """Samples drawn with a chance that grows with the squared distance to those drawn before
    (Arthur & Vassilvitskii 2007).
    """
    away = np.full(len(samples), np.inf)
    for _ in range(count):
        # The first is any sample; so is a later one where all are copies of those drawn before.
        chances = np.full(len(samples), 1 / len(samples))
        if 0 < away.sum() < np.inf:
            chances = away / away.sum()
        centre = samples[int(generator.choice(len(samples), p=chances))]
        yield centre
        distance = (samples - centre).double().square().sum(dim=1).cpu().numpy()
        away = np.minimum(away, distance)
