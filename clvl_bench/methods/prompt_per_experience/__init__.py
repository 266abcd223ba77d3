"""CoOp with one context an experience, chosen by a selector (Zhou et al. 2022; Wang et al. 2022,
arXiv:2207.12819).
"""
