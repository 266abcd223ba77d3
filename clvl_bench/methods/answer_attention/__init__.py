"""Cross-attention: the question looks at the patches of the image, answers are text embeddings
(fp16 patches in memory).
"""
