"""EWC: weights are held by their Fisher information, exact per sample (Kirkpatrick et al. 2017,
arXiv:1612.00796).
"""
