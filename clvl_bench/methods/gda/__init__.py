"""GDA: Gaussian discriminant analysis beside texts (Wang et al. 2024, arXiv:2402.04087)."""
