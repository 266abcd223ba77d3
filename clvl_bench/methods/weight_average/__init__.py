"""ZSCL's weight ensemble: the mean of the weights along each experience (Zheng et al. 2023,
arXiv:2303.06628).
"""
