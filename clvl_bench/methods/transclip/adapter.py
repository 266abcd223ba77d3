"""TransCLIP: all unlabelled images of a set are predicted together: a Gaussian a class, held near
what the texts say, and near the images' nearest neighbours.

Zanella, Gerin, Ben Ayed 2024, Boosting vision-language models with transduction (NeurIPS;
arXiv:2406.01837), as El Khoury et al. 2025, RS-TransCLIP (arXiv:2409.00698), release its solver
(elkhouryk/RS-TransCLIP at commit a766b4d). Without labels it equals the released code. With
labelled images, which it observes, it is their few-shot form: gamma is a setting, to be chosen on
validation, and a class without a labelled image begins as it does without labels (theirs has the
same number of shots for each class). Found in the released few-shot code: labelled images are the
first rows of its graph and the last rows of its assignments, so that images draw others than their
neighbours, and of a labelled image's neighbours the nearest is left out; here every image draws its
own (tests/authors shows that nothing else differs). As released, the fit has no logarithm of the
variance's determinant, so that there is no objective which all steps improve.

**Transductive**: a prediction depends on all images that are asked about together, so that it does
not start as zero-shot, and another set of images gives other predictions. The suite asks about all
test images of an experience at once, in a stream about those of a step; no label of theirs is seen.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from clvl_bench.backbones.base import Backbone, l2_normalize, with_texts
from clvl_bench.data.catalog.candidate import Candidate, in_template
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State, rows_by_class
from clvl_bench.methods.transclip.config import TransClipConfig

TEMPERATURE = 50.0
"""The released code divides the exponent of an assignment by it; the pull of neighbours and the
weight of shots are multiples of it."""

LEAST_VARIANCE = 1e-6
"""A class of one image, which is its own mean, would have none; those of real features are about
one over their width."""


class TransClip(Adapter):
    """Unit features of the labelled images [shots, width] and their classes [shots]."""

    learns = "closed_form"
    starts_as_zeroshot = False

    shots: Tensor
    shot_classes: Tensor

    def __init__(
        self, config: TransClipConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self.settings = config
        self._named = in_template(self.classes, config.template)
        with_texts(backbone, self._named, wanted_by=config.title)
        self.register_buffer("shots", torch.zeros(0, backbone.width))
        self.register_buffer("shot_classes", torch.zeros(0, dtype=torch.long))

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        known = targets >= 0  # labels that have not arrived are not there
        self.shots = torch.cat([self.shots, self._unit(inputs[known])])
        self.shot_classes = torch.cat([self.shot_classes, targets[known]])

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        """Logarithms of the assignments [batch, candidates]; they depend on the whole batch."""
        named = [self._named[class_id] for class_id in candidates]
        images = self._unit(inputs)
        texts = self.backbone.class_features(named)
        said = (self.backbone.logit_scale * images @ texts.T).log_softmax(dim=1)
        shots, labels = self._shots_among(candidates)
        return assignments(images, said, shots, labels, self.settings)

    def _unit(self, inputs: Tensor) -> Tensor:
        """Unit features; those that were published in half precision are unit in half precision,
        and stay as they are: made unit in fp32, they give one published accuracy in 25 otherwise.
        """
        return inputs if self.backbone.gives_unit_images else l2_normalize(inputs)

    def _shots_among(self, candidates: ClassIds) -> tuple[Tensor, Tensor]:
        """Features of the labelled images of these classes [n, width], and their classes, one-hot
        [n, candidates].
        """
        row_of = rows_by_class(candidates)
        rows = torch.tensor([row_of.get(class_id, -1) for class_id in self.shot_classes.tolist()])
        among = rows >= 0
        labels = one_hot(rows[among].long(), len(candidates)).to(self.shots)
        return self.shots[among.to(self.shots.device)], labels

    def load(self, state: State) -> None:
        # Replaced and not copied into: they have grown, and torch copies equal sizes alone.
        for name, kept in list(self.named_buffers()):
            setattr(self, name, state[name].to(kept.device, copy=True))

    def kept_samples(self) -> int:
        return len(self.shots)


def assignments(
    images: Tensor, said: Tensor, shots: Tensor, labels: Tensor, settings: TransClipConfig
) -> Tensor:
    """Logarithms of the assignments of images to classes [n, classes].

    Args:
        images: unit features [n, width].
        said: logarithms of what the texts say of each [n, classes].
        shots, labels: unit features of labelled images [shots, width] and their classes, one-hot
            [shots, classes]; none, or few.
    """
    n, width = images.shape
    power = settings.text_beside_shots if len(shots) else settings.text
    weight = settings.shots * TEMPERATURE / max(1, len(shots))
    pull = neighbour_graph(images, shots, min(settings.neighbours, n - 1))
    strength = pull_of_neighbours(settings.neighbours)
    known = torch.cat([images, shots])
    found = said
    means = first_means(images, said.exp(), shots, labels, settings.confident)
    variance = images.new_full((width,), 1 / width)
    for number in range(settings.rounds + 1):
        if number > 0:
            weights = torch.cat([found.exp() / n, weight * labels])
            means = l2_normalize(weights.T @ known / weights.sum(dim=0)[:, None])
            variance = shared_variance(known, weights, means)
        fit = gaussian_fit(images, means, variance)
        for _ in range(settings.assignments):
            drawn = torch.sparse.mm(pull, torch.cat([found.exp(), labels]))
            found = (power * said + (fit + strength * drawn) / TEMPERATURE).log_softmax(dim=1)
    return found


def pull_of_neighbours(neighbours: int) -> float:
    """What the assignments of neighbours count in an image's exponent: on average an image is drawn
    by twice as many as it names.
    """
    return TEMPERATURE / (2 * max(1, neighbours))


def first_means(
    images: Tensor, said: Tensor, shots: Tensor, labels: Tensor, confident: int
) -> Tensor:
    """Unit mean of each class [classes, width]: of its labelled images or, where it has none, of
    the images that the texts are surest of, weighted by how sure.
    """
    top = said.topk(min(confident, len(images)), dim=0)
    sure = torch.zeros_like(said).scatter_(0, top.indices, top.values)
    labelled = labels.sum(dim=0) > 0
    return l2_normalize(torch.where(labelled[:, None], labels.T @ shots, sure.T @ images))


def neighbour_graph(images: Tensor, shots: Tensor, neighbours: int) -> Tensor:
    """Who draws whom, sparse [n, n + shots]: the cosine of an image with each of its nearest
    images, itself left out, and of those that have it among theirs; a labelled image draws its
    nearest images.
    """
    n = len(images)
    own = images @ images.T
    own.fill_diagonal_(-math.inf)
    nearest = torch.cat([own, shots @ images.T]).topk(neighbours, dim=1)
    rows = torch.arange(n + len(shots), device=images.device).repeat_interleave(neighbours)
    columns = nearest.indices.flatten()
    values = nearest.values.flatten()
    of_images = rows < n
    there = torch.stack([rows[of_images], columns[of_images]])
    back = torch.stack([columns, rows])
    # Coordinates that stand twice, since two images are each other's neighbours, are added up.
    return torch.sparse_coo_tensor(
        torch.cat([there, back], dim=1),
        torch.cat([values[of_images], values]),
        size=(n, n + len(shots)),
        check_invariants=True,
    ).coalesce()


def gaussian_fit(images: Tensor, means: Tensor, variance: Tensor) -> Tensor:
    """Minus half the squared distance to each mean in units of the variance [n, classes]."""
    scaled = images / variance.sqrt()
    centres = means / variance.sqrt()
    return -0.5 * torch.cdist(scaled, centres).square()


def shared_variance(known: Tensor, weights: Tensor, means: Tensor) -> Tensor:
    """Weighted mean square difference from the means, in each dimension [width]."""
    total = weights.sum()
    squares = weights.sum(dim=1) @ known.square()
    mixed = ((weights.T @ known) * means).sum(dim=0)
    of_means = weights.sum(dim=0) @ means.square()
    variance: Tensor = (squares - 2 * mixed + of_means) / total
    return variance.clamp(min=LEAST_VARIANCE)
