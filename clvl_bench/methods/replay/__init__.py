"""Rehearsal of a small memory beside each batch (reservoir: Vitter 1985; Chaudhry et al. 2019,
arXiv:1902.10486).
"""
