"""CoCoOp: a learned context that every image shifts (Zhou et al. 2022, arXiv:2203.05557)."""
