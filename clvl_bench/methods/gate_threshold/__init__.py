"""CoDyRA's choice of ranks: gates are shrunk while they train, and small ones closed (Lu et al.
2024, arXiv:2412.01004).
"""
