"""Exact moments from a stream: means and scatter of two sets together, from those of each."""

import torch
from torch import Tensor


def join_moments(means: Tensor, counts: Tensor, row: int, new: Tensor) -> Tensor:
    """Take new samples into a class's mean and count, and return by how much its scatter grew.

    Chan, Golub & LeVeque 1983, Algorithms for computing the sample variance (The American
    Statistician 37): exact whatever the order and batching. The scatter of a class is the sum over
    its samples x of (x - m)(x - m)', m being their mean.

    Args:
        means: [classes, width], changed in place.
        counts: [classes], changed in place.
        row: the class.
        new: its new samples [n, width].

    Returns:
        What its scatter grew by [width, width].
    """
    count = counts[row]
    mean = new.mean(dim=0)
    away = mean - means[row]
    centred = new - mean
    between = count * len(new) / (count + len(new)) * torch.outer(away, away)
    means[row] += away * len(new) / (count + len(new))
    counts[row] += len(new)
    return centred.T @ centred + between


def shrunken(covariance: Tensor, *, diagonal: float, off_diagonal: float) -> Tensor:
    """A covariance [width, width] with a share of its mean variance on the diagonal, and of its
    mean covariance beside it (Goswami et al. 2023, FeCAM, arXiv:2309.14062, equation 7).

    The mean covariance is of those that are not zero, as released.
    """
    identity = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    variances = covariance.diagonal()
    beside = covariance - torch.diag(variances)
    shared = beside.sum() / beside.count_nonzero().clamp(min=1)
    added = diagonal * variances.mean() * identity
    return covariance + added + off_diagonal * shared * (1 - identity)
