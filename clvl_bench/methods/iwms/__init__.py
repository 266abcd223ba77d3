"""IWMS: rehearsal of what resembles the unlabelled samples of now (Csaba et al. 2024,
arXiv:2312.00923). Online.
"""
