"""Padding: for text towers that see in both directions and were trained on texts padded to one
length, without a mask.
"""

import torch
from torch import Tensor


def padded(embeddings: Tensor, ends: Tensor, pad: Tensor, length: int) -> Tensor:
    """Embeddings [rows, length, token width] that are the embedding `pad` behind each row's end
    [rows].
    """
    positions = torch.arange(embeddings.shape[1], device=ends.device)
    up_to_end = positions <= ends[:, None]
    inside = torch.where(up_to_end[..., None], embeddings, pad)
    behind = pad.expand(len(embeddings), length - embeddings.shape[1], -1)
    return torch.cat([inside, behind], dim=1)
