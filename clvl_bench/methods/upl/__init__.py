"""UPL: the most confident samples of each class that zero-shot predicts (Huang et al. 2022,
arXiv:2204.03649).
"""
