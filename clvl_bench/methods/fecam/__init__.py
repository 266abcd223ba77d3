"""FeCAM: Mahalanobis distance with a covariance of each class (Goswami et al. 2023,
arXiv:2309.14062).
"""
