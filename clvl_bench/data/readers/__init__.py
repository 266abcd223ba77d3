"""Readers: any layout on disk becomes a `Split`. The module named after a source's `kind` reads
it.
"""
