"""PROOF: each experience adds a linear map of image features and one of class texts, whose outputs
are summed, and attention lets each image, the texts and the class means look at each other.

Zhou et al. 2023, Learning without forgetting for vision-language models (arXiv:2305.19270). Maps of
earlier experiences are frozen, and so are their context vectors; the attention trains on. A score
is the sum of three products: of mapped image and mapped text, and of the fused image with the fused
text and the fused prototype, which is the mean of a class's unit features before the maps. The loss
is the cross-entropy of each fused one and a symmetric contrastive one of images and the texts of
their classes, in which samples of one class are each other's negatives, as released.

**The released code averages fused texts and prototypes over the test batch**, so that a prediction
depends on the other samples of its batch: `routing = "batch"` is that form, called transductive in
records. Here each image has its own, in training too. The release also makes mapped image features
unit in training and not in testing (`test_features = "raw"`), and goes on training the text maps of
earlier experiences (`frozen_maps = "image"`).

Differs besides: the logit scale is frozen, there it trains; a class text is the unit mean over all
templates before the maps, where testing maps each template and training takes the first; attention
sees the learned classes among those that are scored, not all learned ones. Exemplars come from the
plugin `replay`, whose herding looks at mapped features, there at frozen ones, and half of a step
are exemplars. Open in the paper: what is not learned yet is left to zero-shot, row by row, as in
`_base/analytic.py` (the release scores it by mapped features alone, whose maps start at random);
where the label of a class has not arrived, its text stands in the place of its prototype in
training; a class that comes again joins its mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from clvl_bench.backbones.base import Backbone, l2_normalize, with_texts
from clvl_bench.core.rng import keyed
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State, rows_by_class
from clvl_bench.methods._base.analytic import grown, not_seen_of, routed
from clvl_bench.methods._base.losses import TrainingBatch, masked_cross_entropy
from clvl_bench.methods.proof.attention import Attention, fuse
from clvl_bench.methods.proof.config import ProofConfig

CHUNK = 64
"""Images that go through the attention together in testing; each takes all classes along."""


@dataclass(frozen=True)
class Scores:
    """Unit mapped images [batch, width] and texts [classes, width], and three kinds of scores
    [batch, classes].
    """

    images: Tensor
    texts: Tensor
    plain: Tensor
    by_text: Tensor
    by_prototype: Tensor

    @property
    def total(self) -> Tensor:
        return self.plain + self.by_text + self.by_prototype


class Proof(Adapter):
    """`image_maps`, `text_maps` and `contexts` [context, width], one of each an experience; the
    `attention`; of each learned class the sum of its unit features and their number.

    Raises:
        Mistake: a class has no text.
    """

    observes_first = True
    sums: Tensor
    counts: Tensor

    def __init__(
        self, config: ProofConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found = with_texts(backbone, classes, wanted_by=config.title)
        super().__init__(config, found, classes)
        self._config = config
        self._start = int(torch.randint(2**31, ()))
        self._begun = 0
        self.seen_classes: ClassIds = ()
        self.image_maps = nn.ModuleList()
        self.text_maps = nn.ModuleList()
        self.contexts = nn.ParameterList()
        self.attention = Attention(backbone.width, config.dropout)
        self.register_buffer("sums", torch.zeros(0, backbone.width))
        self.register_buffer("counts", torch.zeros(0))
        self._last: tuple[Tensor, Scores] | None = None
        """The training batch in hand and its scores, which the loss asks for once more."""
        self._add()

    def begin(self, class_ids: ClassIds) -> None:
        # The first maps have been there from the start, so that there is something to train.
        if self._begun:
            self._add()
        self._begun += 1

    def end(self) -> None:
        self._last = None
        self.forget_classifiers()

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        arrived = dict.fromkeys(targets[targets >= 0].tolist())
        new = not_seen_of(arrived, self.seen_classes)
        self.seen_classes = (*self.seen_classes, *new)
        self.sums = grown(self.sums, len(new))
        self.counts = grown(self.counts, len(new))
        row_of = rows_by_class(self.seen_classes)
        for class_id in arrived:
            of_class = l2_normalize(inputs[targets == class_id])
            self.sums[row_of[class_id]] += of_class.sum(dim=0)
            self.counts[row_of[class_id]] += len(of_class)

    def image(self, inputs: Tensor) -> Tensor:
        return _sum_of(self.image_maps, inputs)

    def classifier(self, candidates: ClassIds) -> Tensor:
        return l2_normalize(_sum_of(self.text_maps, self.class_texts(candidates)))

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        """The sum of the three scores; testing leaves rows to zero-shot whose best class by it was
        not learned.
        """
        if self.training:
            scores = self._scores(inputs, candidates)
            self.encoded = scores.images
            self._last = (inputs, scores)
            return scores.total
        texts = self.class_texts(candidates)
        zeroshot = self.backbone.logit_scale * l2_normalize(inputs) @ texts.T
        learned = tuple(class_id for class_id in candidates if class_id in self.seen_classes)
        if not learned:
            return zeroshot
        known = torch.tensor([each in learned for each in candidates], device=inputs.device)
        own = zeroshot.new_full(zeroshot.shape, -torch.inf)
        own[:, known] = self._scores(inputs, learned).total
        if self._config.unseen == "never":
            return own
        return routed(own, zeroshot, known)

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Cross-entropy of both fused scores, and contrast of the samples whose label is known."""
        known = batch.labels >= 0
        if not bool(known.any()):
            return super().loss(batch)
        scores = self._scores_of(batch.inputs)
        column_of = torch.full((len(self.classes),), -1, device=batch.labels.device)
        column_of[list(self.scored)] = torch.arange(len(self.scored), device=column_of.device)
        columns = torch.where(known, column_of[batch.labels], -1)
        # Of some samples not all scored classes are candidates.
        left_out = torch.isneginf(batch.logits[:, list(self.scored)])
        loss = contrast(
            scores.images[known], scores.texts[columns[known]], self.backbone.logit_scale
        )
        for fused in (scores.by_text, scores.by_prototype):
            masked = fused.masked_fill(left_out, -torch.inf)
            loss = loss + masked_cross_entropy(masked, columns, smoothing=batch.label_smoothing)
        return loss

    def _scores_of(self, inputs: Tensor) -> Scores:
        """Those of the last forward pass, if it was of these inputs."""
        if self._last is not None and self._last[0] is inputs:
            return self._last[1]
        return self._scores(inputs, self.scored)

    def _scores(self, inputs: Tensor, candidates: ClassIds) -> Scores:
        images = self.image(inputs)
        if self.training or self._config.test_features == "unit":
            images = l2_normalize(images)
        texts = self._classifier(candidates)
        prototypes = l2_normalize(_sum_of(self.image_maps, self._prototypes(candidates)))
        by_text, by_prototype = self._fused_scores(images, texts, prototypes)
        return Scores(images, texts, images @ texts.T, by_text, by_prototype)

    def _fused_scores(
        self, images: Tensor, texts: Tensor, prototypes: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Products of fused images with fused texts and with fused prototypes [batch, classes]."""
        context = torch.cat(list(self.contexts))
        parts = [
            fuse(self.attention, chunk, texts, prototypes, context)
            for chunk in images.split(len(images) if self.training else CHUNK)
        ]
        if self._config.routing == "batch":
            fused = torch.cat([part[0] for part in parts])
            mean_text = torch.stack([part[1].sum(dim=0) for part in parts]).sum(dim=0) / len(fused)
            mean_prototype = torch.stack([part[2].sum(dim=0) for part in parts]).sum(dim=0)
            return fused @ mean_text.T, fused @ (mean_prototype / len(fused)).T
        by_text = [_products(image, own_texts) for image, own_texts, _ in parts]
        by_prototype = [_products(image, own_prototypes) for image, _, own_prototypes in parts]
        return torch.cat(by_text), torch.cat(by_prototype)

    def _prototypes(self, candidates: ClassIds) -> Tensor:
        """Means of unit features [candidates, width]; the text of a class of which none came."""
        prototypes = self.class_texts(candidates).clone()
        row_of = rows_by_class(self.seen_classes)
        for place, class_id in enumerate(candidates):
            if class_id in row_of:
                row = row_of[class_id]
                prototypes[place] = self.sums[row] / self.counts[row]
        return prototypes

    def _add(self) -> None:
        """Maps and a context of one more experience, whose start depends on its number alone; those
        that are there train no more.
        """
        self.image_maps.requires_grad_(False)
        self.contexts.requires_grad_(False)
        if self._config.frozen_maps == "both":
            self.text_maps.requires_grad_(False)
        width = self.backbone.width
        device = self.sums.device
        with keyed("maps", self._start, len(self.contexts)):
            self.image_maps.append(nn.Linear(width, width).to(device))
            self.text_maps.append(nn.Linear(width, width).to(device))
            context = torch.randn(self._config.context_length, width)
        self.contexts.append(nn.Parameter(context.to(device)))

    def kept_samples(self) -> int:
        """The mean of a class of a single sample is that sample."""
        return int((self.counts == 1).sum())

    def state(self) -> State:
        return {"begun": self._begun, "learned": list(self.seen_classes), **super().state()}

    def load(self, state: State) -> None:
        self._begun = state["begun"]
        self.seen_classes = tuple(state["learned"])
        while len(self.contexts) < self._begun:
            self._add()
        # torch copies into buffers of equal size alone: make as many rows as were written.
        for name, statistic in list(self.named_buffers()):
            setattr(self, name, torch.empty_like(state[name], device=statistic.device))
        self.load_state_dict({name: state[name] for name in self.state_dict()})
        self.forget_classifiers()


def _sum_of(maps: nn.ModuleList, rows: Tensor) -> Tensor:
    """What all maps make of some rows, added."""
    total: Tensor = torch.stack([each(rows) for each in maps]).sum(dim=0)
    return total


def _products(images: Tensor, classes: Tensor) -> Tensor:
    """[batch, classes] of images [batch, width] and their own classes [batch, classes, width]."""
    return (classes @ images[:, :, None]).squeeze(2)


def contrast(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    """CLIP's loss of pairs of unit rows, both [batch, width]: each image finds its text among all,
    and each text its image.
    """
    logits = scale * images @ texts.T
    own = torch.arange(len(images), device=images.device)
    return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
