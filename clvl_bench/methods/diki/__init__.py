"""DIKI: keys and values beside the frozen attention of both towers, weighed by how well a sample
fits what was learned (Tang et al. 2024, arXiv:2407.05342).
"""
