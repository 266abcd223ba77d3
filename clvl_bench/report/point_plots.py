"""Plots of points: strategies by two numbers, named where they stand, with the Pareto front.

What is on the front is coloured and always named. What another strategy beats in both numbers is
grey, and is named where there is room; so is what is only there to measure others by.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from clvl_bench.report.figures import BLUE, GREY, RED, stacked
from clvl_bench.report.pareto import front, staircase

PLACES = (
    (7, 0, "left", "center"),
    (-7, 0, "right", "center"),
    (0, 7, "center", "bottom"),
    (0, -7, "center", "top"),
    (6, 6, "left", "bottom"),
    (6, -6, "left", "top"),
    (-6, 6, "right", "bottom"),
    (-6, -6, "right", "top"),
)
"""Where a name may stand beside its point: points of an inch to the right and up, and how it is
aligned; the best place first."""

HALO = withStroke(linewidth=2.0, foreground="white")
"""What keeps a name readable that a line runs behind."""

STEPS = 16
"""How many times further out a name of the front is tried, before it is put where it covers
another."""


@dataclass(frozen=True)
class Point:
    """A strategy's two numbers, the spread of a run in each, and whether it is only there to
    measure others.
    """

    name: str
    at: tuple[float, float]
    spread: tuple[float, float]
    reference: bool = False


@dataclass
class _Labels:
    """What names must not cover: points and names that stand already, in pixels."""

    axes: Axes
    taken: list[Bbox] = field(default_factory=list)

    def place(self, name: str, at: tuple[float, float], color: str, *, always: bool) -> None:
        """Write a name beside a point where it covers nothing; one that finds no place is left
        out, unless it is always to be there.
        """
        label = self.axes.annotate(
            name,
            at,
            textcoords="offset points",
            xytext=PLACES[0][:2],
            fontsize=8,
            linespacing=1.0,
            color=color,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.5},
            path_effects=[HALO],
            zorder=5,
        )
        # The extent of the words alone: an annotation's own would hold its line as well.
        size = Text.get_window_extent(label)
        for step in range(1, STEPS if always else 2):
            for right, up, side, height in PLACES:
                offset = (right * step, up * step)
                box = self._box(at, offset, (side, height), size)
                if self._is_free(box):
                    self.taken.append(box)
                    _move(label, offset, (side, height), line=step > 1)
                    return
        if always:
            _move(label, PLACES[0][:2], PLACES[0][2:], line=False)
        else:
            label.remove()

    def _box(
        self,
        at: tuple[float, float],
        offset: tuple[float, float],
        aligned: tuple[str, str],
        size: Bbox,
    ) -> Bbox:
        """What words of this size would cover, in pixels."""
        figure = self.axes.get_figure(root=True)
        assert figure is not None
        x, y = self.axes.transData.transform(at) + np.multiply(offset, figure.dpi / 72)
        left = x - size.width * {"left": 0.0, "center": 0.5, "right": 1.0}[aligned[0]]
        low = y - size.height * {"bottom": 0.0, "center": 0.5, "top": 1.0}[aligned[1]]
        return Bbox.from_bounds(left, low, size.width, size.height).padded(1)

    def _is_free(self, box: Bbox) -> bool:
        figure = self.axes.get_figure(root=True)
        assert figure is not None
        around, within = figure.bbox, self.axes.bbox
        beside = box.x0 < around.x0 + 2 or box.x1 > around.x1 - 2
        above = box.y1 > within.y1 + 4 or box.y0 < within.y0
        if beside or above:
            return False
        return not any(box.overlaps(other) for other in self.taken)


def _move(
    label: Annotation, offset: tuple[float, float], aligned: tuple[str, str], *, line: bool
) -> None:
    """Put a name so far from its point; with a line to it where it is not beside it."""
    label.xyann = offset
    label.set(horizontalalignment=aligned[0], verticalalignment=aligned[1])
    if label.arrow_patch is not None:
        label.arrow_patch.set_visible(line)


def draw_points(axes: Axes, points: Sequence[Point], better: tuple[int, int]) -> None:
    """Points with their names, spreads and front. Call it when the axes have their limits: names
    are placed by what they cover.
    """
    at = np.array([point.at for point in points], dtype=np.float64).reshape(-1, 2)
    competing = np.array([not point.reference for point in points])
    best = np.zeros(len(points), dtype=np.bool_)
    best[competing] = front(at[competing], better)
    if best.sum() > 1:
        line = staircase(at[best], better)
        axes.plot(*line.T, color=BLUE, linewidth=1.0, linestyle=":", zorder=1)
    for point, on_front in zip(points, best, strict=True):
        color = _colour(point, on_front=bool(on_front))
        _draw(axes, point, color, on_front=bool(on_front))
    _settle(axes)
    _name(axes, points, best)


def _colour(point: Point, *, on_front: bool) -> str:
    if point.reference:
        return RED
    return BLUE if on_front else GREY


def _draw(axes: Axes, point: Point, color: str, *, on_front: bool) -> None:
    x, y = point.at
    axes.errorbar(
        x,
        y,
        xerr=point.spread[0],
        yerr=point.spread[1],
        fmt="none",
        ecolor=color,
        elinewidth=0.8,
        alpha=0.7 if on_front else 0.45,
        zorder=2,
    )
    sign = "D" if point.reference else "o"
    axes.plot(
        x, y, marker=sign, color=color, markersize=6 if on_front else 4.5, linestyle="", zorder=3
    )


def _settle(axes: Axes) -> None:
    """Let the layout place the axes: before that nobody knows what a name would cover."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def _name(axes: Axes, points: Sequence[Point], best: NDArray[np.bool_]) -> None:
    """The front's names first, then references, then whoever finds room, the best first."""
    pixels = axes.transData.transform([point.at for point in points])
    dots = [Bbox.from_extents(x - 4, y - 4, x + 4, y + 4) for x, y in pixels]
    labels = _Labels(axes, dots)
    ranked = sorted(
        range(len(points)),
        key=lambda place: (not best[place], not points[place].reference, -points[place].at[1]),
    )
    for place in ranked:
        point = points[place]
        on_front = bool(best[place])
        color = _colour(point, on_front=on_front)
        labels.place(stacked(point.name), point.at, color, always=on_front)
