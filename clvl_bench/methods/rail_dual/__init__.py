"""RAIL, dual: kernel ridge regression on all features so far, fused with zero-shot (Xu et al.
2024).
"""
