"""CPL: sets of candidate labels (Zhang et al. 2024, arXiv:2406.10502)."""
