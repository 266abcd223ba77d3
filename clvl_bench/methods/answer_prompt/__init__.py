"""Learned words before the question and before the answer of a ranked sentence (CoOp in two
places).
"""
