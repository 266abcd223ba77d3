"""Task arithmetic: the start and the sum of what was learned from it (Ilharco et al. 2023,
arXiv:2212.04089).
"""
