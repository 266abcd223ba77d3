"""RAIL, primal: ridge regression on random features, fused with zero-shot (Xu et al. 2024,
arXiv:2406.18868).
"""
