"""One low-rank update an experience, chosen by a selector (Hu et al. 2022; Wang et al. 2022,
arXiv:2207.12819).
"""
