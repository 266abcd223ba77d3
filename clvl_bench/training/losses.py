"""Losses over the classes that are scored."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def masked_cross_entropy(scores: Tensor, labels: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy over each row's finite scores, the mean over rows whose label is known; 0 if
    none is.

    The share `smoothing` of the target is spread evenly over the row's candidates.
    """
    known = labels >= 0
    if not bool(known.any()):
        return scores[torch.isfinite(scores)].sum() * 0.0  # minus infinity times zero is no number
    if not smoothing:
        return cross_entropy(scores[known], labels[known])
    logs = scores[known].log_softmax(dim=-1)
    candidates = torch.isfinite(logs)
    spread = logs.masked_fill(~candidates, 0.0).sum(dim=-1) / candidates.sum(dim=-1)
    hit = logs.gather(1, labels[known, None]).squeeze(1)
    return -((1 - smoothing) * hit + smoothing * spread).mean()
