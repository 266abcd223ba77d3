"""DER++: a reservoir rehearsed by label and by past logits (Buzzega et al. 2020,
arXiv:2004.07211).
"""
