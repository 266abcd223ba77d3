"""Losses over the classes that are scored, and what a loss sees."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


@dataclass(frozen=True)
class TrainingBatch:
    """One training batch behind the forward pass.

    `inputs` [batch, ...] is what the adapter read, `logits` [batch, classes] what it answered, with
    minus infinity for classes that are no candidates, and `labels` [batch] are class ids, -1 where
    the label has not arrived. `label_smoothing` is the share of the target that the strategy's
    settings spread over the candidates.
    """

    inputs: Tensor
    logits: Tensor
    labels: Tensor
    label_smoothing: float = 0.0


def masked_cross_entropy(logits: Tensor, labels: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy over each row's finite logits, the mean over rows whose label is known; 0 if
    none is.

    The share `smoothing` of the target is spread evenly over the row's candidates.
    """
    known = labels >= 0
    if not bool(known.any()):
        # A zero with a gradient. Minus infinity times zero is no number, so finite logits alone.
        return logits[torch.isfinite(logits)].sum() * 0.0
    if not smoothing:
        return cross_entropy(logits[known], labels[known])
    logs = logits[known].log_softmax(dim=-1)
    candidates = torch.isfinite(logs)
    spread = logs.masked_fill(~candidates, 0.0).sum(dim=-1) / candidates.sum(dim=-1)
    hit = logs.gather(1, labels[known, None]).squeeze(1)
    return -((1 - smoothing) * hit + smoothing * spread).mean()
