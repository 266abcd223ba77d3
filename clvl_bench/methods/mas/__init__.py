"""MAS: weights are held by how much the outputs depend on them (Aljundi et al. 2018,
arXiv:1711.09601).
"""
