"""Metrics: pure arithmetic on accuracy matrices and streams."""
