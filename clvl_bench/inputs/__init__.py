"""Inputs: what strategies read of a sample: cached image features, pixels, questions, scores of an
answerer.
"""
