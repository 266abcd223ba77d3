"""CoDyRA: low-rank updates with a gate for each rank, merged after each experience (Lu et al. 2024,
arXiv:2412.01004).
"""
