"""Tip-Adapter-F: the cache's keys follow the gradient (Zhang et al. 2022, arXiv:2207.09519)."""
