"""ZSCL's weight constraint: squared distance from the previous weights (Zheng et al. 2023,
arXiv:2303.06628).
"""
