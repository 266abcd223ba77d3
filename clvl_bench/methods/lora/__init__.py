"""LoRA: a low-rank update of the attention of both towers (Hu et al. 2022, arXiv:2106.09685)."""
