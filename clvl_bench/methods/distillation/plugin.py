"""Distillation from a frozen backbone on a reference set: what keeps zero-shot ability while a
domain is learned.

The two reference losses of Zheng et al. 2023, Preventing zero-shot transfer degradation in
continual learning of vision-language models (ZSCL, arXiv:2303.06628, equations 3 to 5): the
similarities between reference images and texts, over the texts for each image and over the images
for each text, stay as the teacher has them. In the released code both sides use the teacher's
texts, so that the text tower is left free (here `texts = "teacher"`); the paper words the second
loss as one of the text tower (`"student"`). Texts are those of the reference set's classes, or
captions as in the paper. Differs from the code: its training takes one step more than its cosine is
long, the last one at a rate of 0 (here both are `train.iterations`); what the teacher says of
images and texts is encoded once; where the student encodes captions, a step takes some of them. The
teacher is the untouched backbone, as in the paper, or another: similarities need no common width;
for `texts = "teacher"` the student's images go through the projection of `teacher.Projection` where
widths differ.
"""

from typing import Any, Literal

import torch
from torch import Tensor

from clvl_bench.backbones.base import Tokens, l2_normalize, with_towers
from clvl_bench.backbones.teacher import Projection
from clvl_bench.core.errors import Mistake
from clvl_bench.core.rng import rng
from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.plugin import (
    Plugin,
    PluginContext,
    Reference,
    refuse_without_gradient,
)
from clvl_bench.methods.distillation.config import DistillationConfig

Directions = Literal["both", "images", "texts"]

IDLE = (
    "plugin 'distillation' holds nothing: what this adapter learns does not change what it says "
    "of the reference set; "
)
REMEDIES = {
    "teacher": 'set plugins.distillation.texts = "student"',
    "student": "leave the plugin out, or use an adapter that changes features, for example prompt, "
    "lora or full",
}


class Distillation(Plugin):
    """Adds a loss to any supervised Avalanche strategy whose model is an adapter.

    Args:
        adapter: the student.
        reference: images without labels, the teacher and what it says of them, and the texts.
        weight: of the loss; 0 leaves training as it is.
        temperature: of both softmaxes; the loss is scaled by its square.
        batch_size: reference images a step.
        texts: whose texts the student's images are compared with.
        sentences: the texts of the reference's classes, or its captions.
        captions_a_step: of which a step takes so many where the student encodes them.
        directions: the loss over the texts for each image, that over the images for each text, or
            both.
    """

    def __init__(
        self,
        adapter: Adapter,
        reference: Reference,
        *,
        weight: float = 1.0,
        temperature: float = 2.0,
        batch_size: int = 64,
        texts: Literal["student", "teacher"] = "student",
        sentences: Literal["classes", "captions"] = "classes",
        captions_a_step: int = 256,
        directions: Directions = "both",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.adapter, self.reference = adapter, reference
        self.weight, self.temperature, self.batch_size, self.texts = (
            weight,
            temperature,
            batch_size,
            texts,
        )
        self.captions_a_step, self.directions = captions_a_step, directions
        self._seed = seed
        self._projection = Projection(reference.untouched, reference.features)
        self._tokens: Tokens | None = None
        if sentences == "captions":
            towers = with_towers(
                adapter.backbone, wanted_by="the plugin 'distillation' with captions"
            )
            self._teacher_texts = reference.teacher.captions(reference.captions)
            if texts == "student":
                self._tokens = towers.tokenize(reference.captions)
        else:
            candidates = [adapter.table[place] for place in reference.classes]
            # One template, as a training step of the towers scores classes; encoded once.
            self._teacher_texts = reference.teacher.texts(candidates, templates=1)

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        if not self.weight:
            return
        clock = strategy.clock
        key = (
            self._seed,
            clock.train_exp_counter,
            clock.train_exp_epochs,
            clock.train_epoch_iterations,
        )
        rows = _some(len(self.reference.ids), self.batch_size, "reference", *key)
        captions = None
        if self._tokens is not None:
            captions = _some(len(self._tokens), self.captions_a_step, "captions", *key)
        loss = self.loss(rows, captions)
        if not loss.requires_grad:
            raise Mistake(IDLE + REMEDIES[self.texts])
        strategy.loss = strategy.loss + self.weight * loss

    def loss(self, rows: Tensor, captions: Tensor | None = None) -> Tensor:
        """The loss on some rows of the reference set and, where the student encodes captions, on
        some of these.
        """
        scale, own, texts = (
            self.reference.teacher.logit_scale,
            self.adapter.backbone.logit_scale,
            self._teacher_texts,
        )
        inputs = self.reference.inputs(self.reference.ids[rows])
        if self.texts == "teacher":
            student = scale * l2_normalize(self._projection(self.adapter.image(inputs))) @ texts.T
        elif self._tokens is None:
            student = self.adapter.logits(inputs, self.reference.classes)
        else:
            chosen = torch.arange(len(texts)) if captions is None else captions
            texts = texts[chosen.to(texts.device)]
            learned = self.adapter.encode_sentences(
                self._tokens[chosen.to(self._tokens.ids.device)]
            )
            student = own * l2_normalize(self.adapter.image(inputs)) @ learned.T
        teacher = (
            scale
            * l2_normalize(self.reference.features[rows.to(self.reference.features.device)])
            @ texts.T
        )
        return both_directions(teacher, student, self.temperature, directions=self.directions)

    def kept_bytes(self) -> int:
        return self.reference.kept_bytes()


def distillation_loss(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of softened rows, times the squared temperature (Hinton et al. 2015,
    arXiv:1503.02531).

    Its floor is the teacher's entropy, not 0; its gradient is 0 where student and teacher agree.
    """
    targets = (teacher / temperature).softmax(dim=-1)
    logs = (student / temperature).log_softmax(dim=-1)
    return -(targets * logs).sum(dim=-1).mean() * temperature**2


def both_directions(
    teacher: Tensor, student: Tensor, temperature: float, *, directions: Directions = "both"
) -> Tensor:
    """Over the texts for each image, and over the images for each text; logits are [images,
    texts].
    """
    parts = []
    if directions != "texts":
        parts.append(distillation_loss(teacher, student, temperature))
    if directions != "images":
        parts.append(distillation_loss(teacher.T, student.T, temperature))
    return torch.stack(parts).sum()


def _some(count: int, size: int, *key: object) -> Tensor:
    """Places of a draw without replacement; does not shuffle all, of which there may be a
    million.
    """
    return torch.from_numpy(rng(*key).choice(count, size=min(size, count), replace=False))


def build(config: DistillationConfig, context: PluginContext) -> Distillation:
    refuse_without_gradient(config.kind, context.adapter)
    if context.reference is None:
        raise Mistake(
            "plugin 'distillation' needs a reference set; add reference = \"...\" to the benchmark"
        )
    if config.sentences == "captions" and not context.reference.captions:
        raise Mistake(
            "plugin 'distillation' is to use captions, and the reference set has none; name a text "
            "file of them, "
            'captions = "..." in its table [dataset.<name>], or set sentences = "classes"'
        )
    return Distillation(
        context.adapter,
        context.reference.some(config.reference_size, context.seed),
        weight=config.weight,
        temperature=config.temperature,
        batch_size=config.batch_size,
        texts=config.texts,
        sentences=config.sentences,
        captions_a_step=config.captions_a_step,
        directions=config.directions,
        seed=context.seed,
    )
