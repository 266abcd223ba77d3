"""KD: what a frozen teacher says of the stream's own images, in the names of the classes, is
learned beside the labels, and where there are none.

Hinton et al. 2015, Distilling the knowledge in a neural network (arXiv:1503.02531); with a
vision-language model as teacher and its zero-shot words in the place of a trained one's, as in
Li et al. 2024, PromptKD (arXiv:2403.03684). The teacher is the untouched backbone, or another: a
model of the domain (RemoteCLIP, GeoRSCLIP for satellite images) for a general student. Both speak
about classes, so their features need no common width. Differs from PromptKD: no prompt of the
student's need be learned, whatever has logits can be the student; the teacher's words are those of
all templates and are not trained before; the loss stands beside the labels' cross-entropy, over the
classes that training compares. Samples of a memory are left out: the teacher is asked about this
experience's images alone.
"""

from typing import Any

import torch
from torch import Tensor

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.teacher import Teacher
from clvl_bench.core.errors import Mistake
from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.strategy_protocol import SuiteStrategy
from clvl_bench.methods.kd.config import KdConfig


class Kd(Plugin):
    """Adds a loss on the current batch to a strategy of the suite, whose minibatch holds sample
    ids. The adapter is the student.

    Raises:
        Mistake: nobody says what the teacher thinks.
    """

    def __init__(self, config: KdConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.adapter = context.adapter
        if context.distils_from is None:
            raise Mistake(
                "plugin 'kd' needs a teacher's features of the stream; run it through the suite's "
                "runner"
            )
        self.teacher: Teacher = context.distils_from

    def before_backward(self, strategy: SuiteStrategy, **kwargs: Any) -> None:
        ids = strategy.mbatch[2].cpu()
        own = torch.isin(ids, torch.from_numpy(strategy.experience.spec.ids))
        if not self.config.weight or not bool(own.any()):
            return
        scored = list(self.adapter.scored)
        texts = self.teacher.texts([self.adapter.classes[class_id] for class_id in scored])
        images = l2_normalize(self.teacher.features(ids[own]))
        said = (self.teacher.logit_scale * images @ texts.T).to(strategy.device)
        # A plugin may have sent samples of its own through the same forward pass, behind the batch.
        student = strategy.mb_output[: len(own)][own.to(strategy.device)][:, scored]
        loss = distilled(said, student, self.config.temperature)
        strategy.loss = strategy.loss + self.config.weight * loss


def distilled(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of the student's softened rows with the teacher's [batch, classes], times the
    squared temperature; a class that is no candidate of a row (minus infinity) is none of the
    teacher's either.
    """
    closed = student.isneginf()
    targets = (teacher.masked_fill(closed, -torch.inf) / temperature).softmax(dim=1)
    logs = (student / temperature).log_softmax(dim=1).masked_fill(closed, 0.0)
    return -(targets * logs).sum(dim=1).mean() * temperature**2
