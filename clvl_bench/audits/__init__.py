"""Audits: whether a strategy sees, reads, scores and moves what it may, found out by listening to a
run; for the suite's own methods and for anybody's.
"""
