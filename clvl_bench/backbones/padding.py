"""Padding: for text towers that see in both directions and were trained on texts padded to one
length, without a mask.
"""

import torch
from torch import Tensor


def padded(embeddings: Tensor, ends: Tensor, pad: Tensor, length: int) -> Tensor:
    """Embeddings [rows, length, token width] whose places behind each row's end [rows] are all the
    embedding `pad`.
    """
    places = torch.arange(embeddings.shape[1], device=ends.device)
    inside = torch.where((places <= ends[:, None])[..., None], embeddings, pad)
    behind = pad.expand(len(embeddings), length - embeddings.shape[1], -1)
    return torch.cat([inside, behind], dim=1)
