"""DualPrompt: a general prompt, and an expert prompt for each experience (Wang et al. 2022,
arXiv:2204.04799).
"""
