"""The commonest answer among the questions of a type, whatever image and question say: a baseline
that sees no picture.
"""
