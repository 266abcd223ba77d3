"""InfLoRA: low-rank updates of attention in directions that earlier experiences' inputs do not have
(Liang and Li 2024, arXiv:2404.00228).
"""
