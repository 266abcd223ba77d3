"""Reads: what the parts of a strategy look at. Frozen features are encoded once, ever; pixels cost a tower pass each time."""

from collections.abc import Iterable
from typing import Literal, get_args

Reads = Literal["image_features", "questions", "question_patches", "given_answers", "pixels"]
"""From the cheapest to the most demanding; each of the first three contains what stands before it."""

ASKED: tuple[Reads, ...] = ("questions", "question_patches", "given_answers")
"""What is read by those who answer questions: features of the image (or of its patches), of the question, and its tokens; or
what another model answered."""


def demanding(reads: Iterable[Reads]) -> Reads:
    """The most demanding of what several parts read."""
    return max(reads, key=get_args(Reads).index)
