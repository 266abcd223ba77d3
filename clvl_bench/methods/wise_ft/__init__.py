"""WiSE-FT: weights between the learned ones and an anchor's (Wortsman et al. 2022,
arXiv:2109.01903).
"""
