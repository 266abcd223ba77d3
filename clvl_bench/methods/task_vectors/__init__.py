"""Task arithmetic: the start and what was learned from it, merged by sum, mean, largest move
(MagMax) or elected direction (TIES); Ilharco et al. 2023 (arXiv:2212.04089).
"""
