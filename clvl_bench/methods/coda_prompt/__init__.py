"""CODA-Prompt: prompts mixed from components by attention (Smith et al. 2023, arXiv:2211.13218)."""
