"""Nothing is trained: the answer whose sentence behind the question is nearest to the image
(zero-shot).
"""
