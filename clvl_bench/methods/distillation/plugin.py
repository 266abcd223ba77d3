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

from typing import Any

import torch
from torch import Tensor

from clvl_bench.backbones.base import l2_normalize, with_towers
from clvl_bench.backbones.teacher import Projection
from clvl_bench.backbones.tokens import Tokens
from clvl_bench.core.errors import Mistake
from clvl_bench.core.rng import rng
from clvl_bench.methods._base.plugin import Plugin, PluginContext, Reference
from clvl_bench.methods._base.strategy_protocol import StrategyLike, iteration_key
from clvl_bench.methods.distillation.config import Directions, DistillationConfig

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
    """Adds a loss to any supervised Avalanche strategy whose model is an adapter, the student.

    Raises:
        Mistake: there is no reference set, or it has no captions and these are asked for.
    """

    def __init__(self, config: DistillationConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.adapter = context.adapter
        self.reference = _reference_for(config, context)
        self._seed = context.seed
        self._projection = Projection(self.reference.untouched, self.reference.features)
        self._tokens: Tokens | None = None
        """Captions that the student encodes; None where it encodes none."""
        teacher = self.reference.teacher
        if config.sentences == "captions":
            towers = with_towers(
                self.adapter.backbone, wanted_by="the plugin 'distillation' with captions"
            )
            self._teacher_texts = teacher.captions(self.reference.captions)
            if config.texts == "student":
                self._tokens = towers.tokenize(self.reference.captions)
        else:
            classes = [self.adapter.classes[class_id] for class_id in self.reference.classes]
            # One template, as a training step of the towers scores classes; encoded once.
            self._teacher_texts = teacher.texts(classes, templates=1)

    def before_backward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if not self.config.weight:
            return
        key = (self._seed, *iteration_key(strategy))
        rows = _draw(len(self.reference.ids), self.config.batch_size, "reference", *key)
        captions = None
        if self._tokens is not None:
            captions = _draw(len(self._tokens), self.config.captions_a_step, "captions", *key)
        loss = self.loss(rows, captions)
        if not loss.requires_grad:
            raise Mistake(IDLE + REMEDIES[self.config.texts])
        strategy.loss = strategy.loss + self.config.weight * loss

    def loss(self, rows: Tensor, captions: Tensor | None = None) -> Tensor:
        """The loss on some rows of the reference set and, where the student encodes captions, on
        some of these.
        """
        reference = self.reference
        scale = reference.teacher.logit_scale
        texts = self._teacher_texts
        inputs = reference.inputs(reference.ids[rows])
        if self.config.texts == "teacher":
            images = l2_normalize(self._projection(self.adapter.image(inputs)))
            student = scale * images @ texts.T
        elif self._tokens is None:
            student = self.adapter.logits(inputs, reference.classes)
        else:
            chosen = torch.arange(len(texts)) if captions is None else captions
            texts = texts[chosen.to(texts.device)]
            tokens = self._tokens[chosen.to(self._tokens.ids.device)]
            learned = self.adapter.encode_sentences(tokens)
            images = l2_normalize(self.adapter.image(inputs))
            student = self.adapter.backbone.logit_scale * images @ learned.T
        features = reference.features[rows.to(reference.features.device)]
        teacher = scale * l2_normalize(features) @ texts.T
        config = self.config
        return both_directions(teacher, student, config.temperature, directions=config.directions)

    def kept_bytes(self) -> int:
        return self.reference.kept_bytes()


def _reference_for(config: DistillationConfig, context: PluginContext) -> Reference:
    """As many images of the reference set as are asked for, with the texts that are.

    Raises:
        Mistake: they are not there.
    """
    if context.reference is None:
        raise Mistake(
            "plugin 'distillation' learns on a reference set; give PluginContext(reference=...)"
        )
    if config.sentences == "captions" and not context.reference.captions:
        raise Mistake(
            "plugin 'distillation' is to use captions, and the reference set has none; name a text "
            "file of them, "
            'captions = "..." in its table [dataset.<name>], or set sentences = "classes"'
        )
    if bool(context.reference.features.isnan().any()):
        raise Mistake(
            "plugin 'distillation' learns on a reference set of which there are no features of its "
            "teacher; name one that has some, or use the plugin 'kd', which learns on the stream"
        )
    return context.reference.some(config.reference_size, context.seed)


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


def _draw(count: int, size: int, *key: object) -> Tensor:
    """Rows, without replacement; does not shuffle all, of which there may be a million."""
    return torch.from_numpy(rng(*key).choice(count, size=min(size, count), replace=False))
