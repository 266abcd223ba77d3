"""SI: weights are held by how much each lowered the loss on its way (Zenke et al. 2017,
arXiv:1703.04200).
"""
