"""Distillation from a frozen backbone on a reference set: what keeps zero-shot ability while a domain is learned.

The two reference losses of Zheng et al. 2023, Preventing zero-shot transfer degradation in continual learning of
vision-language models (ZSCL, arXiv:2303.06628, equations 3 to 5): the similarities between reference images and texts,
over the texts for each image and over the images for each text, stay as the initial model has them. Differs from the
released code: there both sides use the teacher's texts, so that the text tower is left free (here `texts = "teacher"`); the
paper words the second loss as one of the text tower. Texts are those of the reference set's classes. The teacher is the
untouched backbone, as in the paper, or another: similarities need no common width; for `texts = "teacher"` the student's images
go through the projection of `teacher.Projection` where widths differ.
"""

from typing import Any, Literal

import torch
from torch import Tensor

from clvl_bench.adapters import Adapter
from clvl_bench.backbones import unit
from clvl_bench.config.plugins import DistillationPlugin
from clvl_bench.errors import Mistake
from clvl_bench.plugins.base import Plugin, Reference, Surroundings
from clvl_bench.randomness import rng
from clvl_bench.teacher import Projection


class Distillation(Plugin):
    """Adds a loss to any supervised Avalanche strategy whose model is an adapter.

    Args:
        adapter: the student.
        reference: images without labels, the teacher and what it says of them, and the classes of the texts.
        weight: of the loss; 0 leaves training as it is.
        temperature: of both softmaxes; the loss is scaled by its square.
        batch_size: reference images a step.
        texts: whose texts the student's images are compared with.
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
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.adapter, self.reference = adapter, reference
        self.weight, self.temperature, self.batch_size, self.texts = weight, temperature, batch_size, texts
        self._seed = seed
        candidates = [adapter.table[place] for place in reference.classes]
        # One template, as a training step of the towers scores classes; encoded once.
        self._teacher_texts = reference.teacher.texts(candidates, templates=1)
        self._projection = Projection(reference.untouched, reference.features)

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        if not self.weight:
            return
        clock = strategy.clock
        key = (clock.train_exp_counter, clock.train_exp_epochs, clock.train_epoch_iterations)
        rows = rng("reference", self._seed, *key).permutation(len(self.reference.ids))[: self.batch_size]
        strategy.loss = strategy.loss + self.weight * self.loss(torch.from_numpy(rows))

    def loss(self, rows: Tensor) -> Tensor:
        """Both losses on some rows of the reference set."""
        scale = self.reference.teacher.logit_scale
        teacher = scale * unit(self.reference.features[rows.to(self.reference.features.device)]) @ self._teacher_texts.T
        inputs = self.reference.inputs(self.reference.ids[rows])
        if self.texts == "student":
            student = self.adapter.logits(inputs, self.reference.classes)
        else:
            student = scale * unit(self._projection(self.adapter.image(inputs))) @ self._teacher_texts.T
        over_texts = distillation_loss(teacher, student, self.temperature)
        return over_texts + distillation_loss(teacher.T, student.T, self.temperature)

    def kept_bytes(self) -> int:
        return self.reference.kept_bytes()


def distillation_loss(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of softened rows, times the squared temperature (Hinton et al. 2015, arXiv:1503.02531).

    Its floor is the teacher's entropy, not 0; its gradient is 0 where student and teacher agree.
    """
    targets = (teacher / temperature).softmax(dim=-1)
    logs = (student / temperature).log_softmax(dim=-1)
    return -(targets * logs).sum(dim=-1).mean() * temperature**2


def build(config: DistillationPlugin, surroundings: Surroundings) -> Distillation:
    if surroundings.reference is None:
        raise Mistake("plugin 'distillation' needs a reference set; add reference = \"...\" to the benchmark")
    return Distillation(
        surroundings.adapter,
        surroundings.reference,
        weight=config.weight,
        temperature=config.temperature,
        batch_size=config.batch_size,
        texts=config.texts,
        seed=surroundings.seed,
    )
