"""S-Prompts: image and text prompts for each domain, learned independently (Wang et al. 2022,
arXiv:2207.12819).
"""
