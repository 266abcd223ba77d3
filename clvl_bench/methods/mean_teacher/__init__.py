"""Mean teacher: agreement with a moving average of the weights (Tarvainen & Valpola 2017,
arXiv:1703.01780).
"""
