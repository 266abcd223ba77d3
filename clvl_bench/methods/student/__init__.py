"""An image tower of its own, read against the teacher's texts (Yang et al. 2024, CLIP-KD,
arXiv:2307.12732).
"""
