"""CLIP-KD: the frozen image tower teaches the trained one on its images (Yang et al. 2024,
arXiv:2307.12732).
"""
