"""Reproduce: published figures as targets, and whether ours are those."""
