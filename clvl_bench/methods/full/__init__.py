"""Both towers are trained or the image tower alone, the logit scale is not (Zheng et al. 2023,
continual fine-tuning).
"""
