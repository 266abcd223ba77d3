"""Reads: what the parts of a strategy look at. Frozen features are encoded once, ever; pixels cost a tower pass each time."""

from collections.abc import Iterable
from typing import Literal

Reads = Literal["image_features", "pixels"]


def demanding(reads: Iterable[Reads]) -> Reads:
    """The most demanding of what several parts read."""
    return "pixels" if "pixels" in set(reads) else "image_features"
