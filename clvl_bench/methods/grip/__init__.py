"""GRIP: rounds of class-balanced pseudo-labels, each from a fresh start (Menghini et al. 2023,
arXiv:2306.01669).
"""
