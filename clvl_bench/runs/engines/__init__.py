"""Engines: what works on a grid away from this machine. Each starts members of the grid
(`grid EXPERIMENT --member 2/3`), which share its runs by claims, and looks at how far they are.
"""

ENGINES = ("local", "slurm", "ray")
"""What works on a grid; local is this machine, without any."""
