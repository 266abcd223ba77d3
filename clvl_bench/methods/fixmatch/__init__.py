"""FixMatch, or with `flexible` FlexMatch (Sohn et al. 2020, arXiv:2001.07685; Zhang et al. 2021,
arXiv:2110.08263).
"""
