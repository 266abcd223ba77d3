"""Kinds of inputs: what the parts of a strategy read. Frozen features are encoded once and kept;
pixels cost a tower pass each time.
"""

from collections.abc import Iterable
from typing import Literal, get_args

InputKind = Literal["image_features", "questions", "question_patches", "answerer_scores", "pixels"]
"""From the cheapest to the most demanding; each of the first three contains what stands before
it."""

QUESTION_INPUTS: tuple[InputKind, ...] = ("questions", "question_patches", "answerer_scores")
"""What strategies read that answer questions: features of the image (or of its patches) and of the
question, and its tokens; or what another model answered."""


def most_demanding(input_kinds: Iterable[InputKind]) -> InputKind:
    """The most demanding of what several parts read."""
    return max(input_kinds, key=get_args(InputKind).index)
