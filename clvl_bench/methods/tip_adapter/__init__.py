"""Tip-Adapter: a cache of training features votes beside the class texts (Zhang et al. 2022,
arXiv:2207.09519).
"""
