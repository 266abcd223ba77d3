"""Both towers are trained, the logit scale is not (Zheng et al. 2023, continual fine-tuning)."""
