"""Adapter: what is trainable, and how logits come out. The contract that every method keeps.

A method has one subclass, made from (settings, backbone, classes). Most say only what the class
texts become (`classifier`) or what an image feature becomes (`image`); a method whose logits are no
such product overrides `logits`, and one whose loss is not the cross-entropy overrides `loss`.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize, sentence_features, with_towers
from clvl_bench.backbones.tokens import Tokens
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.config import AdapterConfig
from clvl_bench.methods._base.losses import TrainingBatch, masked_cross_entropy

ClassIds = tuple[int, ...]
"""Indices into the benchmark's classes, `Adapter.classes`."""

NO_CLASS = -1
"""The prediction of who has no answer among the candidates: never right."""

State = dict[str, Any]
"""Tensors and plain values: what is saved between experiences."""


class Adapter(nn.Module):
    """Logits over classes, and the parameters that training may move: exactly `parameters()`.

    The frozen backbone is not part of the module, so no optimiser, copy or saved state can pick it
    up.

    Args:
        config: the method's settings.
        classes: all classes of the benchmark, those of held-out datasets included.

    Example:
        >>> import clvl_bench as cb
        >>> class Plain(cb.Adapter):
        ...     def classifier(self, candidates):
        ...         return self.class_texts(candidates)
        >>> benchmark = cb.load_benchmark("toy_landcover", limit=20)
        >>> class PlainConfig(cb.AdapterConfig):
        ...     kind: str = "plain"
        >>> plain = Plain(PlainConfig(), cb.load_backbone(), benchmark.view.plan.classes)
        >>> sum(parameter.numel() for parameter in plain.parameters())
        0
    """

    learns: Literal["gradient", "closed_form", "nothing"] = "gradient"
    observes_first: bool = False
    """A learner by gradient that observes every sample of an experience once before the first
    step."""
    observes_again: bool = False
    """It observes them once more behind the last step, as it sees them then."""
    starts_as_zeroshot: bool = True
    """At first the logits are the backbone's own with `start_templates` templates. A method that
    cannot says why."""
    start_templates: int | None = None
    """How many of a class's templates the start equals; None means all of them."""
    abstains: bool = False
    """A sample may be left without any score; what the method says of it is no candidate."""

    def __init__(
        self, config: AdapterConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        self.classes = tuple(classes)
        self.scored: ClassIds = ()
        self.encoded: Tensor | None = None
        """Unit image features of the last training batch, for losses on features."""
        self._classifiers: dict[ClassIds, Tensor] = {}

    def begin(self, class_ids: ClassIds) -> None:
        """An experience starts: these classes may be scored from now on."""

    def end(self) -> None:
        """An experience is over."""

    def image(self, inputs: Tensor) -> Tensor:
        """Image features [batch, width] from what the adapter reads; of any length."""
        return inputs

    def classifier(self, candidates: ClassIds) -> Tensor:
        """One unit row for each class [candidates, width]."""
        raise NotImplementedError

    def class_texts(self, candidates: ClassIds, *, templates: int | None = None) -> Tensor:
        """What the untouched backbone says of classes: one unit row each [candidates, width].

        Args:
            templates: only so many of each class's templates; all of them if None.
        """
        named = [self.classes[class_id] for class_id in candidates]
        return self.backbone.class_features(named, templates=templates)

    def encode_sentences(self, tokens: Tokens) -> Tensor:
        """One unit row for each sentence [rows, width], by the text tower as the method has it now:
        most leave it alone.
        """
        found = with_towers(self.backbone, wanted_by="encoding sentences")
        return l2_normalize(sentence_features(found.towers, tokens))

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        """Scaled cosines [batch, candidates]. A sample's row must not depend on its neighbours in
        the batch.
        """
        features = l2_normalize(self.image(inputs))
        self.encoded = features if self.training else None
        return self.backbone.logit_scale * features @ self._classifier(candidates).T

    def loss(self, batch: TrainingBatch) -> Tensor:
        """What a training batch costs, a scalar; cross-entropy over the scored classes.

        A method with a loss of its own overrides it. A strategy of Avalanche's that is not the
        suite's uses the criterion that its user gave it, and never calls this.
        """
        return masked_cross_entropy(batch.logits, batch.labels, smoothing=batch.label_smoothing)

    def penalty(self, inputs: Tensor) -> Tensor | None:
        """What the method adds to the loss of a training batch, whatever the strategy and its
        criterion; None for nothing.
        """
        return None

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        """Learn from a batch without a gradient; targets [batch] are class ids, -1 where
        the label has not arrived.
        """
        raise NotImplementedError

    def observed(self) -> None:
        """A learner by gradient has observed all samples of an experience, before the first step or
        behind the last.
        """

    def choices(self, inputs: Tensor) -> Tensor | None:
        """To which learned experience each sample would be sent [batch], -1 for none; None where
        nothing is chosen.
        """
        return None

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits [batch, classes] as Avalanche expects them: minus infinity for classes that are
        not scored at present.
        """
        scores = self.logits(inputs, self.scored)
        logits = scores.new_full((len(scores), len(self.classes)), -torch.inf)
        logits[:, list(self.scored)] = scores
        return logits

    def train(self, mode: bool = True) -> "Adapter":
        self.forget_classifiers()
        return super().train(mode)

    def forget_classifiers(self) -> None:
        """What was learned has changed: class texts are encoded anew."""
        self._classifiers.clear()

    def state(self) -> State:
        """All that the adapter has learned: tensors and plain values, enough to go on."""
        return {name: tensor.detach() for name, tensor in self.state_dict().items()}

    def load(self, state: State) -> None:
        self.load_state_dict(state)
        self.forget_classifiers()

    def kept_bytes(self) -> int:
        """Bytes that outlive an experience, measured from the tensors; the public backbone is not
        counted.
        """
        return tensor_bytes(self.state())

    def kept_samples(self) -> int:
        """How many samples of the past are kept, as inputs or as features."""
        return 0

    def _classifier(self, candidates: ClassIds) -> Tensor:
        """The classifier; between trainings, and without gradient, each set of classes is encoded
        once.
        """
        if self.training or torch.is_grad_enabled():
            return self.classifier(candidates)
        if candidates not in self._classifiers:
            self._classifiers[candidates] = self.classifier(candidates)
        return self._classifiers[candidates]


def predict(scores: Tensor) -> Tensor:
    """The class of the highest score [batch]; `NO_CLASS` for a row without any score."""
    without_score = torch.isneginf(scores).all(dim=1)
    return scores.argmax(dim=1).masked_fill(without_score, NO_CLASS)


def rows_by_class(class_ids: ClassIds) -> dict[int, int]:
    """At which row each of some classes stands."""
    return {class_id: row for row, class_id in enumerate(class_ids)}


def tensor_bytes(state: State) -> int:
    """Bytes of the tensors of a state."""
    tensors = [value for value in state.values() if isinstance(value, Tensor)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
