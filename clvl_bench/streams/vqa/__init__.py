"""Streams of questions about images."""
