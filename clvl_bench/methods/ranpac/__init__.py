"""RanPAC: ridge regression on random features (McDonnell et al. 2023, arXiv:2307.02251)."""
