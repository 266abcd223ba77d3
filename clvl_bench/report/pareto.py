"""Pareto front: the points that no other point beats in both coordinates."""

import numpy as np
from numpy.typing import NDArray

from clvl_bench.metrics.continual import Matrix


def front(points: Matrix, better: tuple[int, int]) -> NDArray[np.bool_]:
    """Which points are on the front [n].

    A point is off it where another is at least as good in both coordinates and better in one.
    Equal points are on it together; a point that is NaN somewhere never is.

    Args:
        points: [n, 2].
        better: for each coordinate +1 where more is better, -1 where less is.

    Example:
        >>> front(np.array([[1.0, 5.0], [2.0, 4.0], [1.5, 3.0]]), (1, 1)).tolist()
        [True, True, False]
    """
    gains = points * np.array(better)
    known = [place for place, gain in enumerate(gains) if not np.isnan(gain).any()]
    found = np.zeros(len(points), dtype=np.bool_)
    for place in known:
        as_good = (gains[known] >= gains[place]).all(axis=1)
        somewhere_better = (gains[known] > gains[place]).any(axis=1)
        found[place] = not (as_good & somewhere_better).any()
    return found


def staircase(points: Matrix, better: tuple[int, int]) -> Matrix:
    """The corners of the line that a front draws [m, 2]: what is behind it is beaten by a point.

    Args:
        points: of the front alone [n, 2].
    """
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
    corners = [ordered[0]]
    for before, after in zip(ordered[:-1], ordered[1:], strict=True):
        # Between two points of the front the one that is worse in x holds the line.
        x, y = (after[0], before[1]) if better[0] < 0 else (before[0], after[1])
        corners += [np.array([x, y]), after]
    return np.array(corners)
