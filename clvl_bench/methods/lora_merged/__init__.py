"""LoRA merged into the weights after each experience (Hu et al. 2022; Wortsman et al. 2022,
arXiv:2109.01903).
"""
