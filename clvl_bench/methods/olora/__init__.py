"""O-LoRA: updates that add up, each orthogonal to those before (Wang et al. 2023,
arXiv:2310.14152).
"""
