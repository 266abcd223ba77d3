"""PROOF: maps of images and texts that are added for each experience, and attention over what they
say (Zhou et al. 2023, arXiv:2305.19270).
"""
