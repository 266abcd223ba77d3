"""Readers of questions about images. The module named after a source's `kind` reads it."""
