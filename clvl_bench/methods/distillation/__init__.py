"""Distillation from a frozen backbone on the benchmark's reference set (Zheng et al. 2023,
arXiv:2303.06628).
"""
