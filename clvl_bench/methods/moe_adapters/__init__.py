"""MoE-Adapters: experts in every layer, a router for each experience (Yu et al. 2024,
arXiv:2403.11549).
"""
