"""MaPLe: deep prompts in both towers, coupled (Khattak et al. 2023, arXiv:2210.03117)."""
