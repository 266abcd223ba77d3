"""Unlabelled: what pseudo-label methods share: the rows of a minibatch without a label, their
views, and a moving average.

A row is unlabelled where its label is -1. On cached features there is one view of a sample, so that
a method trains on what it has just said; on pixels the model sees the sample once more, strongly
augmented. Under Avalanche's own strategies pass a criterion that leaves such rows out:
`strategy.masked_cross_entropy`, or `CrossEntropyLoss(ignore_index=-1)`.
"""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from clvl_bench.backbones.base import Backbone, TowerBackbone, l2_normalize
from clvl_bench.methods._base.adapter import Adapter, State, tensor_bytes
from clvl_bench.methods._base.plugin import Plugin, PseudoLabels
from clvl_bench.methods._base.strategy_protocol import StrategyLike


class Unlabelled(Plugin):
    """Adds a loss on the unlabelled rows of each minibatch to any supervised Avalanche strategy.

    Args:
        weight: of that loss (lambda_u); 0 leaves training as it is.
    """

    wants_unlabelled = True

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight
        self.pseudo_labels: list[PseudoLabels] = []

    def before_training_epoch(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self.pseudo_labels = []

    def before_backward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        rows = torch.nonzero(strategy.mb_y < 0).flatten()
        if len(rows) and self.weight:
            strategy.loss = strategy.loss + self.weight * self.loss(strategy, rows)

    @abstractmethod
    def loss(self, strategy: StrategyLike, rows: Tensor) -> Tensor:
        """Of the unlabelled rows of the minibatch in hand."""

    def says(self, strategy: StrategyLike, rows: Tensor, labels: Tensor, kept: Tensor) -> None:
        """For the evaluator: what the rows were taken for, and which of them were learned from."""
        has_ids = len(strategy.mbatch) > 3
        if has_ids:
            ids = strategy.mbatch[2][rows]
            columns = (column.detach().cpu().numpy() for column in (ids, labels, kept))
            self.pseudo_labels.append(PseudoLabels(*columns))


def student_scores(strategy: StrategyLike, rows: Tensor) -> Tensor:
    """[rows, classes] of the view that is trained on, with gradient."""
    scores = strategy.mb_output[rows]
    if strategy.mb_x.ndim == 2:  # features have one view
        return scores
    # Here, so that torchvision is imported by those who have pixels.
    from clvl_bench.methods._base.augment import strong

    again: Tensor = strategy.model(strong(strategy.mb_x[rows]))
    return again.masked_fill(~torch.isfinite(scores), -torch.inf)


def hard_loss(student: Tensor, labels: Tensor, kept: Tensor) -> Tensor:
    """Cross-entropy with pseudo-labels, the mean over all rows: those that are not kept count as
    0.
    """
    if not bool(kept.any()):
        return student[torch.isfinite(student)].sum() * 0.0
    return cross_entropy(student[kept], labels[kept], reduction="sum") / len(student)


def own_classes(strategy: StrategyLike) -> Tensor:
    """The ids of the classes of the experience in hand [classes]. Avalanche counts -1, which stands
    for no label, as a class; it is left out.
    """
    class_ids = strategy.experience.classes_in_this_experience
    return torch.tensor([class_id for class_id in class_ids if class_id >= 0])


def zeroshot_scores(adapter: Adapter, inputs: Tensor, class_ids: list[int]) -> Tensor:
    """What the untouched backbone says of some inputs among some classes [n, classes]."""
    backbone = adapter.backbone
    texts = backbone.class_features([adapter.classes[class_id] for class_id in class_ids])
    images = l2_normalize(frozen_features(backbone, inputs))
    scores: Tensor = backbone.logit_scale * images @ texts.T
    return scores


def frozen_features(backbone: Backbone, inputs: Tensor) -> Tensor:
    """What the frozen image tower says [n, width]: what is read, where it is just that, else it is
    asked.
    """
    if inputs.ndim == 2 or not isinstance(backbone, TowerBackbone):
        return inputs
    return backbone.image_features(inputs)


class Average:
    """A moving average of a model's trained parameters: theta_E <- m theta_E + (1 - m) theta.

    Rows that a parameter has grown since join as they are. At the start m is ramped, min(m, 1 - 1 /
    (steps + 1)), unless the average is to start at the model itself.
    """

    def __init__(self, momentum: float, *, ramped: bool) -> None:
        self.momentum = momentum
        self.ramped = ramped
        self.steps = 0
        self.weights: dict[str, Tensor] = {}

    @torch.no_grad()
    def align(self, model: torch.nn.Module) -> None:
        """Every trained parameter has a place in the average."""
        trained = {
            name: weight for name, weight in model.named_parameters() if weight.requires_grad
        }
        for name, weight in trained.items():
            old = self.weights.get(name)
            if old is not None and old.shape == weight.shape:
                continue
            self.weights[name] = weight.detach().clone()
            if old is not None:  # it has grown: the rows that it had keep their average
                self.weights[name][: len(old)] = old
        self.weights = {name: self.weights[name] for name in trained}

    @torch.no_grad()
    def update(self, model: torch.nn.Module) -> None:
        self.steps += 1
        momentum = self.momentum
        if self.ramped:
            momentum = min(momentum, 1 - 1 / (self.steps + 1))
        weights = dict(model.named_parameters())
        for name, average in self.weights.items():
            average.mul_(momentum).add_(weights[name].detach(), alpha=1 - momentum)

    @torch.no_grad()
    def scores(self, model: torch.nn.Module, inputs: Tensor) -> Tensor:
        """What the averaged model says; nothing follows a gradient into it."""
        found: Tensor = functional_call(model, self.weights, (inputs,))
        return found

    @torch.no_grad()
    def exchange(self, model: torch.nn.Module) -> None:
        """The model has the average, and the average what the model had; once more, and all is as
        it was.
        """
        weights = dict(model.named_parameters())
        for name, average in self.weights.items():
            trained = weights[name].detach().clone()
            weights[name].copy_(average)
            average.copy_(trained)
        if isinstance(model, Adapter):
            model.forget_classifiers()

    def state(self) -> State:
        return {**self.weights, "steps": self.steps}

    def load(self, state: State) -> None:
        self.weights = {name: value.clone() for name, value in state.items() if name != "steps"}
        self.steps = state["steps"]

    def kept_bytes(self) -> int:
        return tensor_bytes(self.weights)
