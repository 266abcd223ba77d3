"""CLIP-Adapter: a residual bottleneck on image features (Gao et al. 2021, arXiv:2110.04544)."""
