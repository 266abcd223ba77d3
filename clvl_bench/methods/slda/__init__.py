"""SLDA: streaming linear discriminant analysis (Hayes & Kanan 2020, arXiv:1909.01520)."""
