"""KgCoOp: CoOp whose class texts are held near those of the template (Yao et al. 2023,
arXiv:2303.13283).
"""
