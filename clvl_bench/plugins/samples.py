"""Samples: some of an experience's own, read through its dataset."""

from typing import Any

import torch
from torch import Tensor


def inputs_of(dataset: Any, rows: Tensor) -> Tensor:
    """What the strategy reads for some rows [n] of an Avalanche dataset: [n, ...]."""
    return torch.stack([torch.as_tensor(dataset[int(row)][0]) for row in rows])
