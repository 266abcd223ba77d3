"""Methods: one folder each, with its settings and its adapter or plugin. `_base` holds what several
share.
"""
