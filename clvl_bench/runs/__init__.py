"""Runs: one run from its configuration to a verified result, and grids of runs."""
