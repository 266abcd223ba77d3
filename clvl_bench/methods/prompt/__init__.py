"""CoOp: learned context words, everything else frozen (Zhou et al. 2022, arXiv:2109.01134)."""
