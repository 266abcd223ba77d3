"""Overrides: what stands in brackets behind the name of a swept strategy or benchmark,
`zscl[train.lr=0.1,plugins.replay.memory_size=50]`.
"""

import re
from collections.abc import Iterable, Sequence

_BETWEEN = re.compile(r",(?=[A-Za-z_][\w.]*=)")
"""A comma that begins another override; one inside a value, as in `sizes=[5,5]`, does not."""


def parts_of(name: str) -> tuple[str, tuple[str, ...]]:
    """The name of the file, and each override.

    Example:
        >>> parts_of("b[classes_per_experience=[5,5],shots=4]")
        ('b', ('classes_per_experience=[5,5]', 'shots=4'))
    """
    stem, bracket, inside = name.partition("[")
    if not bracket:
        return name, ()
    return stem, tuple(each for each in _BETWEEN.split(inside.removesuffix("]")) if each)


def shared_overrides(names: Iterable[str]) -> tuple[str, ...]:
    """The overrides that all of several names have; none of a single name's."""
    every = [parts_of(name)[1] for name in dict.fromkeys(names)]
    if len(every) < 2:
        return ()
    return tuple(each for each in every[0] if all(each in others for others in every[1:]))


def without(name: str, left_out: Sequence[str]) -> str:
    """The name without some of its overrides."""
    stem, overrides = parts_of(name)
    kept = [each for each in overrides if each not in left_out]
    return f"{stem}[{','.join(kept)}]" if kept else stem
