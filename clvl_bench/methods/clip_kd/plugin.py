"""CLIP-KD: what a frozen CLIP says of the training images teaches the image tower that is trained,
labels or not.

Yang et al. 2024, CLIP-KD: an empirical study of CLIP model distillation (arXiv:2307.12732): feature
distillation (FD), interactive contrastive learning (ICL) and contrastive relational distillation
(CRD), with the released weights 2000, 1 and 1; and the affinity loss of Wu et al. 2023, TinyCLIP
(arXiv:2309.12314). Differs: there are no captions, so the texts are those of the experience's
classes and both sides use the teacher's; ICL has an image's own class for its positive text, and
only samples whose label is known; for a text, all images of its class are positives. The scale of
ICL is the backbone's: the released code uses ln(1/0.07) without its exponential. With FD alone it
is feature distillation for any adapter that trains an image tower. What the teacher says is read
from the cache.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.errors import Mistake
from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.plugin import Plugin, PluginContext, refuse_without_gradient
from clvl_bench.methods.clip_kd.config import ClipKdConfig


class ClipKd(Plugin):
    """Adds losses on the current batch to a strategy of the suite, whose minibatch holds sample
    ids.

    Args:
        adapter: the student.
        teacher: the frozen tower's image features [n, width] by sample id.
        fd, icl, crd, affinity: weights of the losses.
    """

    def __init__(
        self,
        adapter: Adapter,
        teacher: Callable[[Tensor], Tensor],
        *,
        fd: float = 2000.0,
        icl: float = 1.0,
        crd: float = 1.0,
        affinity: float = 0.0,
    ) -> None:
        super().__init__()
        self.adapter, self.teacher = adapter, teacher
        self.fd, self.icl, self.crd, self.affinity = fd, icl, crd, affinity
        self._student = torch.empty(0)

    def after_forward(self, strategy: Any, **kwargs: Any) -> None:
        """The features of the forward pass that there was; an adapter with logits of its own kind
        is asked for them again.
        """
        encoded = self.adapter.encoded
        self._student = (
            l2_normalize(self.adapter.image(strategy.mb_x)) if encoded is None else encoded
        )

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        # What a memory rehearses belongs to earlier experiences; the teacher is asked about this
        # one's images alone.
        own = torch.isin(strategy.mbatch[2].cpu(), torch.from_numpy(strategy.experience.spec.ids))
        if not bool(own.any()):
            return
        classes = tuple(strategy.experience.classes_in_this_experience)
        table = [self.adapter.classes[place] for place in classes]
        texts = self.adapter.backbone.class_features(table, templates=1)
        labels = strategy.mb_y[own.to(strategy.device)]
        places = torch.tensor(
            [classes.index(label) if label in classes else -1 for label in labels.tolist()]
        )
        teacher = l2_normalize(self.teacher(strategy.mbatch[2].cpu()[own])).to(strategy.device)
        # A plugin may have sent samples of its own through the same forward pass, behind the batch
        # (DER++).
        student = self._student[: len(own)][own.to(strategy.device)]
        strategy.loss = strategy.loss + self.loss(
            student, teacher, texts, places.to(strategy.device)
        )

    def loss(self, student: Tensor, teacher: Tensor, texts: Tensor, labels: Tensor) -> Tensor:
        """The weighted sum, of unit image features [batch, width] and unit texts [classes, width];
        labels [batch] or -1.
        """
        scale = self.adapter.backbone.logit_scale
        ours, theirs = scale * student @ texts.T, scale * teacher @ texts.T
        parts = [
            self.fd * feature_distillation(student, teacher) if self.fd else None,
            self.icl * interactive(ours, labels) if self.icl else None,
            self.crd * relational(ours, theirs) if self.crd else None,
            self.affinity * affinity_mimicking(ours, theirs) if self.affinity else None,
        ]
        return torch.stack(
            [part for part in parts if part is not None] or [student.sum() * 0.0]
        ).sum()


def feature_distillation(student: Tensor, teacher: Tensor) -> Tensor:
    """FD: mean squared difference of unit features, over batch and width."""
    return (student - teacher).square().mean()


def interactive(logits: Tensor, labels: Tensor) -> Tensor:
    """ICL: the student's images [batch] against the teacher's texts [classes], in both directions;
    0 without labels.

    With one image a class this is the paper's loss over pairs.
    """
    known = labels >= 0
    if not bool(known.any()):
        return logits.sum() * 0.0
    logits, labels = logits[known], labels[known]
    for_images = -logits.log_softmax(dim=-1).gather(1, labels[:, None]).mean()
    present = labels.unique()
    positive = (labels[None] == present[:, None]).to(logits.dtype)
    for_texts = -(positive * logits.T[present].log_softmax(dim=-1)).sum(dim=-1) / positive.sum(
        dim=-1
    )
    loss: Tensor = (for_images + for_texts.mean()) / 2
    return loss


def affinity_mimicking(student: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy of the student's affinities with the teacher's, over texts and over images, of
    logits [batch, classes].
    """
    loss: Tensor = (_cross_entropy(student, teacher) + _cross_entropy(student.T, teacher.T)) / 2
    return loss


def relational(student: Tensor, teacher: Tensor) -> Tensor:
    """CRD: the same as a divergence: affinity mimicking without the teacher's own entropy, 0 where
    both agree.
    """
    return affinity_mimicking(student, teacher) - affinity_mimicking(teacher, teacher)


def _cross_entropy(student: Tensor, teacher: Tensor) -> Tensor:
    return -(teacher.softmax(dim=-1) * student.log_softmax(dim=-1)).sum(dim=-1).mean()


def build(config: ClipKdConfig, context: PluginContext) -> ClipKd:
    adapter = context.adapter
    refuse_without_gradient(config.kind, adapter)
    if type(adapter).image is Adapter.image:
        raise Mistake(
            "plugin 'clip_kd' teaches image features, and this adapter does not learn any; use "
            "student, full or lora"
        )
    if context.teacher is None:
        raise Mistake(
            "plugin 'clip_kd' needs the frozen tower's features of the stream; run it through the "
            "suite's runner"
        )
    return ClipKd(
        adapter,
        context.teacher,
        fd=config.fd,
        icl=config.icl,
        crd=config.crd,
        affinity=config.affinity,
    )
