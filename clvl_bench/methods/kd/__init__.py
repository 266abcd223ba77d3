"""Distillation of what a frozen teacher says of the stream's own images (Hinton et al. 2015,
arXiv:1503.02531).
"""
