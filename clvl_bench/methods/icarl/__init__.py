"""iCaRL: herded exemplars, distillation, nearest exemplar mean (Rebuffi et al. 2017,
arXiv:1611.07725).
"""
