"""TransCLIP: all unlabelled images of a set are predicted together (Zanella et al. 2024,
arXiv:2406.01837).
"""
