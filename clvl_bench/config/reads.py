"""Reads: what the parts of a strategy look at. Frozen features are encoded once, ever; pixels cost a tower pass each time."""

from collections.abc import Iterable
from typing import Literal

Reads = Literal["image_features", "questions", "question_patches", "pixels"]
"""From the cheapest to the most demanding; each contains what stands before it, but for pixels."""

ASKED: tuple[Reads, ...] = ("questions", "question_patches")
"""What is read by those who answer questions: features of the image (or of its patches), of the question, and its tokens."""


def demanding(reads: Iterable[Reads]) -> Reads:
    """The most demanding of what several parts read."""
    order: tuple[Reads, ...] = ("image_features", "questions", "question_patches", "pixels")
    return max(reads, key=order.index)
