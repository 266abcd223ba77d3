"""LwF in ZSCL's form: held near the model before the experience (Li & Hoiem 2016,
arXiv:1606.09282).
"""
