"""Shapes: a second general world that no reference set touches. Coloured shapes on plain ground,
one to four of them.
"""

from collections.abc import Callable

import numpy as np

from clvl_bench.data.toy import canvas
from clvl_bench.data.toy.canvas import Array, Colour, Dice, Point

COLOURS: dict[str, Colour] = {
    "red": (0.88, 0.16, 0.14),
    "green": (0.14, 0.66, 0.24),
    "blue": (0.16, 0.32, 0.88),
    "yellow": (0.98, 0.88, 0.12),
}
GROUNDS: dict[str, Colour] = {
    "white": (0.96, 0.96, 0.96),
    "grey": (0.55, 0.55, 0.55),
    "black": (0.06, 0.06, 0.06),
}
PLACES: dict[int, tuple[Point, ...]] = {
    1: ((0.5, 0.5),),
    2: ((0.28, 0.5), (0.72, 0.5)),
    3: ((0.28, 0.7), (0.72, 0.7), (0.5, 0.28)),
    4: ((0.28, 0.28), (0.72, 0.28), (0.28, 0.72), (0.72, 0.72)),
}
SIZES: dict[int, tuple[float, float]] = {
    1: (0.2, 0.36),
    2: (0.14, 0.2),
    3: (0.13, 0.18),
    4: (0.13, 0.18),
}


def _square(at: Point, size: float) -> Array:
    return canvas.box(at, (size * 0.88, size * 0.88))


def _triangle(at: Point, size: float) -> Array:
    x, y = at
    return canvas.polygon(
        (x, y - size), (x + size * 1.05, y + size * 0.8), (x - size * 1.05, y + size * 0.8)
    )


def _cross(at: Point, size: float) -> Array:
    return np.maximum(canvas.box(at, (size, size * 0.3)), canvas.box(at, (size * 0.3, size)))


def _ring(at: Point, size: float) -> Array:
    return canvas.ring(at, size * 0.8, size * 0.4)


SHAPES: dict[str, Callable[[Point, float], Array]] = {
    "circle": canvas.disk,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
    "ring": _ring,
}
KINDS: tuple[str, ...] = tuple(f"{colour} {shape}" for shape in SHAPES for colour in COLOURS)
"""The classes of this world: twenty pairs of colour and shape."""


def shapes(kind: str, count: int, ground: str, generator: Dice) -> Array:
    """`count` (1 to 4) shapes of one kind, striped in a third of the pictures."""
    colour, shape = kind.split(" ")
    picture = canvas.fill(canvas.vary(generator, GROUNDS[ground], 0.04))
    ink = canvas.vary(generator, COLOURS[colour], 0.05)
    texture = (
        canvas.stripes(generator.direction(), 0.13, generator.uniform(), 0.7)
        if generator.chance(0.33)
        else None
    )
    for x, y in PLACES[count]:
        at = (x + generator.uniform(-0.07, 0.07), y + generator.uniform(-0.07, 0.07))
        mask = SHAPES[shape](at, generator.uniform(*SIZES[count]))
        picture = canvas.paint(picture, mask if texture is None else mask * texture, ink)
    return picture
