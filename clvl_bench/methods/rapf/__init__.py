"""RAPF: one linear map of image features, pseudo-features of old classes, and fusion of the map
with the one before (Huang et al. 2024, arXiv:2407.14143).
"""
