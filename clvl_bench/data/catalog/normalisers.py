"""Normalisers: the conventions by which two answers count as the same string, under the names that
tables use.

Both are the field's, restated from their published code; which one a dataset uses is part of its
declaration. After it, answers are compared whole: "no" is not in "normal".
"""

import re
from collections.abc import Callable

_NUMBERS = dict(
    zip(
        (
            "none",
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
        ),
        ("0", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"),
        strict=True,
    )
)
_ARTICLES = frozenset({"a", "an", "the"})
_CONTRACTIONS = (
    "ain't",
    "aren't",
    "can't",
    "could've",
    "couldn't",
    "didn't",
    "doesn't",
    "don't",
    "hadn't",
    "hasn't",
    "haven't",
    "he's",
    "how'd",
    "how'll",
    "how's",
    "i'm",
    "i've",
    "isn't",
    "it'd",
    "it'll",
    "ma'am",
    "mightn't",
    "might've",
    "mustn't",
    "needn't",
    "not've",
    "o'clock",
    "oughtn't",
    "shan't",
    "she's",
    "should've",
    "shouldn't",
    "somebody'd",
    "someone's",
    "something's",
    "that's",
    "there'd",
    "there's",
    "they'd",
    "they'll",
    "they're",
    "they've",
    "wasn't",
    "we've",
    "weren't",
    "what'll",
    "what're",
    "what's",
    "what've",
    "when's",
    "where'd",
    "where's",
    "where've",
    "who'd",
    "who'll",
    "who's",
    "who've",
    "why'll",
    "why're",
    "why's",
    "won't",
    "would've",
    "wouldn't",
    "y'all",
    "you'd",
    "you'll",
    "you're",
    "you've",
)
_WITHOUT_APOSTROPHE = {word.replace("'", ""): word for word in _CONTRACTIONS}
# Left out of the published table: those that are other words without the apostrophe (shed, wed, id,
# lets).
_MARKS = (
    ";",
    "/",
    "[",
    "]",
    '"',
    "{",
    "}",
    "(",
    ")",
    "=",
    "+",
    "\\",
    "_",
    "-",
    ">",
    "<",
    "@",
    "`",
    ",",
    "?",
    "!",
)
_DIGIT_COMMA = re.compile(r"(\d)(,)(\d)")
_PERIOD = re.compile(r"(?!<=\d)(\.)(?!\d)")
_MED_MARKS = re.compile(r"[,.'!?\"()*#:;~]")


def med(answer: str) -> str:
    """MUMC's convention (Li et al. 2023): lower case, without marks, x-ray as one word; and no
    space twice.

    Differs: spaces and dashes come first, so that "x - ray" is one word too and normalising twice
        is normalising once.
    """
    text = " ".join(_MED_MARKS.sub("", answer.lower()).split())
    while " - " in text:
        text = text.replace(" - ", "-")
    return re.sub(r"\bx[ -]ray", "xray", text)


def vqa(answer: str) -> str:
    """The VQA v2 convention (Antol et al. 2015; MEVF's labels): marks removed or made spaces,
    periods that are no decimal points removed, number words to digits, no articles, contractions
    with their apostrophe.

    Differs: all periods are removed, where the published code counts to 32 by a misplaced argument.
    """
    text = " ".join(answer.replace("\n", " ").replace("\t", " ").split())
    kept = text
    for mark in _MARKS:
        beside_space = f"{mark} " in text or f" {mark}" in text
        kept = kept.replace(mark, "" if beside_space or _DIGIT_COMMA.search(text) else " ")
    kept = _PERIOD.sub("", kept)
    words = [_NUMBERS.get(word, word) for word in kept.lower().split()]
    return " ".join(_WITHOUT_APOSTROPHE.get(word, word) for word in words if word not in _ARTICLES)


def exact(answer: str) -> str:
    """The answer as it is written, but for spaces around it."""
    return " ".join(answer.split())


NORMALISERS: dict[str, Callable[[str], str]] = {"vqa": vqa, "med": med, "exact": exact}
