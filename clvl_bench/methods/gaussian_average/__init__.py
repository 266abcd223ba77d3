"""PromptSRC's aggregation: the mean of the weights at the ends of epochs, weighed by a Gaussian
(Khattak et al. 2023, arXiv:2307.06948).
"""
