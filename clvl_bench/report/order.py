"""Order: names with swept values stand in the order of the values, 69120 before 3456000, and all
others by the alphabet.
"""

import re

import pandas as pd

_VALUE = re.compile(r"(?<==)(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?=[,\]])")

Place = tuple[tuple[str | float, ...], str]


def by_value(name: str) -> Place:
    """What to sort a name such as `prompt[train.lr=0.002]` by: text and numbers in turn, and of
    equals the name itself.
    """
    # Splitting by a pattern with a group gives what is between its matches and the matches in turn.
    parts: list[str | float] = []
    for place, part in enumerate(_VALUE.split(name)):
        parts.append(float(part) if place % 2 else part)
    return tuple(parts), name


def by_values(column: pd.Series) -> pd.Series:
    """The same as the `key` of a frame's `sort_values`: the rank of each name [rows]; numbers stay
    as they are.
    """
    if pd.api.types.is_numeric_dtype(column):
        return column
    ranks = {name: rank for rank, name in enumerate(sorted(set(column), key=by_value))}
    return column.map(ranks)
