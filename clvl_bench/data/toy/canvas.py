"""Canvas: soft-edged geometry on a small grid, from which every toy picture is painted.

Only additions, products, quotients, square roots and comparisons are used. IEEE 754 rounds these
correctly, so every machine paints the same bytes; sines, exponentials, sums over axes and the
normal distribution would differ in the last bit between builds of numpy.
"""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Point = tuple[float, float]
Colour = tuple[float, float, float]

SIZE = 40
"""Pixels a side of every toy picture."""

_AXIS = (np.arange(SIZE, dtype=np.float64) + 0.5) / SIZE
Y, X = np.meshgrid(_AXIS, _AXIS, indexing="ij")
"""Pixel centres, both in [0, 1]; y grows downwards."""

_SOFT = 1.0 / SIZE  # edges fade over one pixel


class Dice:
    """Random numbers that depend on nothing but their key: uniform draws of a PCG64 seeded from a
    hash.
    """

    def __init__(self, *key: Any) -> None:
        digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
        seed = int.from_bytes(digest[:16], "big")
        self._generator = np.random.Generator(np.random.PCG64(seed))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * float(self._generator.random())

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high], both included."""
        return low + int(self._generator.random() * (high - low + 1))

    def choose(self, options: Any) -> Any:
        return options[self.integer(0, len(options) - 1)]

    def chance(self, probability: float) -> bool:
        return float(self._generator.random()) < probability

    def field(self, *shape: int) -> Array:
        """Uniform draws in [0, 1] of the given shape."""
        return self._generator.random(shape)

    def direction(self) -> Point:
        """A unit vector, uniform over the circle (by rejection: no sine needed)."""
        while True:
            x = self.uniform(-1, 1)
            y = self.uniform(-1, 1)
            length = x * x + y * y
            if 0.01 < length < 1.0:
                root = float(np.sqrt(length))
                return x / root, y / root


def soft(distance: Array) -> Array:
    """Coverage in [0, 1] of a region given the signed distance to it (negative inside)."""
    return np.clip(0.5 - distance / _SOFT, 0.0, 1.0)


def disk(centre: Point, radius: float, *, stretch: float = 1.0) -> Array:
    """A disk, or for `stretch` other than 1 an ellipse that is `stretch` times as wide as high."""
    dx, dy = (X - centre[0]) / stretch, Y - centre[1]
    return soft(np.sqrt(dx * dx + dy * dy) - radius)


def ring(centre: Point, radius: float, width: float, *, stretch: float = 1.0) -> Array:
    dx, dy = (X - centre[0]) / stretch, Y - centre[1]
    return soft(np.abs(np.sqrt(dx * dx + dy * dy) - radius) - width / 2)


def box(centre: Point, half: Point, axis: Point = (1.0, 0.0)) -> Array:
    """A rectangle with half sides `half`; the first runs along the unit vector `axis`."""
    dx, dy = X - centre[0], Y - centre[1]
    along = np.abs(dx * axis[0] + dy * axis[1]) - half[0]
    across = np.abs(dy * axis[0] - dx * axis[1]) - half[1]
    return soft(np.maximum(along, across))


def polygon(*corners: Point) -> Array:
    """A convex polygon; corners in clockwise order as seen on the picture."""
    distance = np.full_like(X, -1.0)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        ex, ey = x1 - x0, y1 - y0
        length = float(np.sqrt(ex * ex + ey * ey))
        distance = np.maximum(distance, (ey * (X - x0) - ex * (Y - y0)) / length)
    return soft(distance)


def line(points: list[Point], width: float) -> Array:
    """A polyline of the given width with round joints."""
    nearest = np.full_like(X, 9.0)
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        ex, ey = x1 - x0, y1 - y0
        along = np.clip(((X - x0) * ex + (Y - y0) * ey) / (ex * ex + ey * ey + 1e-9), 0.0, 1.0)
        dx, dy = X - x0 - along * ex, Y - y0 - along * ey
        nearest = np.minimum(nearest, dx * dx + dy * dy)
    return soft(np.sqrt(nearest) - width / 2)


def curve(start: Point, bend: Point, end: Point, pieces: int = 8) -> list[Point]:
    """Points of a quadratic Bezier curve."""
    points = []
    for step in range(pieces + 1):
        t = step / pieces
        a, b, c = (1 - t) * (1 - t), 2 * t * (1 - t), t * t
        points.append(
            (a * start[0] + b * bend[0] + c * end[0], a * start[1] + b * bend[1] + c * end[1])
        )
    return points


def stripes(axis: Point, period: float, phase: float = 0.0, duty: float = 0.5) -> Array:
    """Parallel bands across the unit vector `axis`; `duty` is the share that is covered."""
    position = (X * axis[0] + Y * axis[1]) / period + phase
    fraction = position - np.floor(position)
    return soft((np.abs(fraction - 0.5) - duty / 2) * period)


def dots(axis: Point, period: float, radius: float, phase: Point = (0.0, 0.0)) -> Array:
    """A square lattice of disks, turned along the unit vector `axis`."""
    u = (X * axis[0] + Y * axis[1]) / period + phase[0]
    v = (Y * axis[0] - X * axis[1]) / period + phase[1]
    u, v = (u - np.floor(u) - 0.5) * period, (v - np.floor(v) - 0.5) * period
    return soft(np.sqrt(u * u + v * v) - radius)


def clouds(generator: Dice, cells: int) -> Array:
    """Smooth value noise in [0, 1] on a lattice of `cells` x `cells`."""
    lattice = generator.field(cells + 1, cells + 1)
    position = _AXIS * cells
    low = np.minimum(np.floor(position).astype(np.int64), cells - 1)
    t = position - low
    t = t * t * (3.0 - 2.0 * t)
    rows = lattice[low] * (1.0 - t)[:, None] + lattice[low + 1] * t[:, None]
    smooth: Array = rows[:, low] * (1.0 - t)[None, :] + rows[:, low + 1] * t[None, :]
    return smooth


def fill(colour: Colour) -> Array:
    """A picture [SIZE, SIZE, 3] of one colour, channels in [0, 1]."""
    return np.broadcast_to(np.array(colour, dtype=np.float64), (SIZE, SIZE, 3)).copy()


def paint(picture: Array, mask: Array, colour: Colour | Array) -> Array:
    """The picture with `colour` (or another picture) laid over it where `mask` covers."""
    cover = mask[..., None]
    return picture * (1.0 - cover) + np.asarray(colour, dtype=np.float64) * cover


def shade(picture: Array, amount: Array) -> Array:
    """The picture brightened (positive) or darkened (negative) by a field."""
    return np.clip(picture + amount[..., None], 0.0, 1.0)


def vary(generator: Dice, colour: Colour, spread: float = 0.06) -> Colour:
    """A colour near the given one."""
    varied = [channel + generator.uniform(-spread, spread) for channel in colour]
    r, g, b = (min(max(channel, 0.0), 1.0) for channel in varied)
    return r, g, b


def to_bytes(picture: Array) -> NDArray[np.uint8]:
    """A picture in [0, 1] as uint8 [SIZE, SIZE, 3]."""
    return np.floor(np.clip(picture, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
