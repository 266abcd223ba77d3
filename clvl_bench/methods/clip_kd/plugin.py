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

from typing import Any

import torch
from torch import Tensor

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.errors import Mistake
from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike, SuiteStrategy
from clvl_bench.methods.clip_kd.config import ClipKdConfig


class ClipKd(Plugin):
    """Adds losses on the current batch to a strategy of the suite, whose minibatch holds sample
    ids. The adapter is the student.

    Raises:
        Mistake: the adapter learns no image features, or nobody says what the teacher thinks.
    """

    def __init__(self, config: ClipKdConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.adapter = context.adapter
        if type(self.adapter).image is Adapter.image:
            raise Mistake(
                "plugin 'clip_kd' teaches image features, and this adapter does not learn any; use "
                "student, full or lora"
            )
        if context.teacher is None:
            raise Mistake(
                "plugin 'clip_kd' needs the frozen tower's features of the stream; run it through "
                "the suite's runner"
            )
        self.teacher = context.teacher
        self._student = torch.empty(0)

    def after_forward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        """The features of the forward pass that there was; an adapter with logits of its own kind
        is asked for them again.
        """
        encoded = self.adapter.encoded
        if encoded is None:
            encoded = l2_normalize(self.adapter.image(strategy.mb_x))
        self._student = encoded

    def before_backward(self, strategy: SuiteStrategy, **kwargs: Any) -> None:
        # What a memory rehearses belongs to earlier experiences; the teacher is asked about this
        # one's images alone.
        ids = strategy.mbatch[2].cpu()
        own = torch.isin(ids, torch.from_numpy(strategy.experience.spec.ids))
        if not bool(own.any()):
            return
        class_ids = tuple(strategy.experience.classes_in_this_experience)
        classes = [self.adapter.classes[class_id] for class_id in class_ids]
        texts = self.adapter.backbone.class_features(classes, templates=1)
        teacher = l2_normalize(self.teacher(ids[own])).to(strategy.device)
        own = own.to(strategy.device)
        # Labels count among the experience's classes; -1 where there is none.
        row_of = {class_id: row for row, class_id in enumerate(class_ids)}
        rows = [row_of.get(label, -1) for label in strategy.mb_y[own].tolist()]
        labels = torch.tensor(rows).to(strategy.device)
        # A plugin may have sent samples of its own through the same forward pass, behind the batch
        # (DER++).
        student = self._student[: len(own)][own]
        strategy.loss = strategy.loss + self.loss(student, teacher, texts, labels)

    def loss(self, student: Tensor, teacher: Tensor, texts: Tensor, labels: Tensor) -> Tensor:
        """The weighted sum, of unit image features [batch, width] and unit texts [classes, width];
        labels [batch] are rows of the texts, or -1.
        """
        config = self.config
        scale = self.adapter.backbone.logit_scale
        ours = scale * student @ texts.T
        theirs = scale * teacher @ texts.T
        parts = []
        if config.fd:
            parts.append(config.fd * feature_distillation(student, teacher))
        if config.icl:
            parts.append(config.icl * interactive(ours, labels))
        if config.crd:
            parts.append(config.crd * relational(ours, theirs))
        if config.affinity:
            parts.append(config.affinity * affinity_mimicking(ours, theirs))
        if not parts:
            return student.sum() * 0.0
        return torch.stack(parts).sum()


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
    logits = logits[known]
    labels = labels[known]
    for_images = -logits.log_softmax(dim=-1).gather(1, labels[:, None]).mean()
    present = labels.unique()
    positive = (labels[None] == present[:, None]).to(logits.dtype)
    of_images = positive * logits.T[present].log_softmax(dim=-1)
    for_texts = -of_images.sum(dim=-1) / positive.sum(dim=-1)
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
