"""Exporters: the rows of a run, handed to a tracker of experiments as curves. One way, and only if
asked: the records are the result, and nothing is ever read back from a tracker.
"""
