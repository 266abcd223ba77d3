"""Land cover from above: ten kinds of ground, drawn as a plan, then seen by a map printer or by one
of two sensors.

The plan decides the geometry and names materials; a palette decides what each material looks like.
The domain shift of the toy world is exactly this: the same plans and the same words in another
palette, with another gain, haze and noise.
"""

from collections.abc import Callable

import numpy as np

from clvl_bench.data.toy import canvas
from clvl_bench.data.toy.canvas import Array, Colour, Dice

Palette = dict[str, Colour]

MAP: Palette = {
    "grass": (0.72, 0.88, 0.58),
    "tree": (0.30, 0.66, 0.34),
    "water": (0.45, 0.70, 0.95),
    "asphalt": (0.55, 0.55, 0.60),
    "marking": (0.98, 0.98, 0.98),
    "roof": (0.88, 0.38, 0.32),
    "concrete": (0.76, 0.74, 0.80),
    "crop": (0.96, 0.88, 0.45),
    "soil": (0.80, 0.62, 0.40),
    "sand": (0.98, 0.86, 0.62),
    "snow": (0.97, 0.98, 1.00),
    "ice": (0.66, 0.84, 0.96),
}
OPTICAL: Palette = {
    "grass": (0.33, 0.37, 0.24),
    "tree": (0.13, 0.20, 0.13),
    "water": (0.10, 0.16, 0.20),
    "asphalt": (0.40, 0.38, 0.36),
    "marking": (0.55, 0.54, 0.50),
    "roof": (0.47, 0.34, 0.29),
    "concrete": (0.56, 0.54, 0.51),
    "crop": (0.47, 0.43, 0.27),
    "soil": (0.36, 0.27, 0.20),
    "sand": (0.60, 0.50, 0.37),
    "snow": (0.80, 0.82, 0.85),
    "ice": (0.58, 0.66, 0.72),
}
INFRARED: Palette = {
    "grass": (0.68, 0.27, 0.30),
    "tree": (0.52, 0.10, 0.16),
    "water": (0.04, 0.06, 0.12),
    "asphalt": (0.26, 0.32, 0.35),
    "marking": (0.45, 0.50, 0.52),
    "roof": (0.36, 0.44, 0.47),
    "concrete": (0.52, 0.58, 0.60),
    "crop": (0.80, 0.47, 0.42),
    "soil": (0.28, 0.38, 0.38),
    "sand": (0.56, 0.62, 0.56),
    "snow": (0.74, 0.84, 0.90),
    "ice": (0.44, 0.58, 0.68),
}


SHIFT = 0.75
"""The dial sigma: how far a sensor's palette lies from the map printer's (0: as printed, 1: as
listed above)."""


def seen_by(sensor: Palette, shift: float = SHIFT) -> Palette:
    """The palette of a sensor at this shift from the map printer's."""

    def between(material: str) -> Colour:
        (r0, g0, b0), (r1, g1, b1) = MAP[material], sensor[material]
        return r0 + shift * (r1 - r0), g0 + shift * (g1 - g0), b0 + shift * (b1 - b0)

    return {material: between(material) for material in MAP}


class Ink:
    """Colours of one palette, each varied a little from picture to picture."""

    def __init__(self, palette: Palette, generator: Dice, spread: float) -> None:
        self._palette = palette
        self._generator = generator
        self._spread = spread

    def __call__(self, material: str) -> Colour:
        return canvas.vary(self._generator, self._palette[material], self._spread)


def _meadow(generator: Dice, ink: Ink) -> Array:
    return canvas.paint(canvas.fill(ink("grass")), canvas.clouds(generator, 4) * 0.5, ink("grass"))


def forest(generator: Dice, ink: Ink) -> Array:
    picture = canvas.fill(ink("tree"))
    for _ in range(generator.integer(26, 36)):
        crown = canvas.disk(
            (generator.uniform(), generator.uniform()), generator.uniform(0.05, 0.11)
        )
        picture = canvas.paint(picture, crown, ink("tree"))
    clearing = canvas.disk((generator.uniform(), generator.uniform()), generator.uniform(0.0, 0.14))
    return canvas.paint(picture, clearing, ink("grass"))


def river(generator: Dice, ink: Ink) -> Array:
    picture = _meadow(generator, ink)
    (ux, uy), bend = generator.direction(), generator.uniform(-0.6, 0.6)
    middle = (0.5 + generator.uniform(-0.15, 0.15), 0.5 + generator.uniform(-0.15, 0.15))
    start, end = (middle[0] - ux, middle[1] - uy), (middle[0] + ux, middle[1] + uy)
    course = canvas.curve(start, (middle[0] - uy * bend, middle[1] + ux * bend), middle)
    course += canvas.curve(middle, (middle[0] + uy * bend, middle[1] - ux * bend), end)
    return canvas.paint(picture, canvas.line(course, generator.uniform(0.10, 0.20)), ink("water"))


def lake(generator: Dice, ink: Ink) -> Array:
    picture = _meadow(generator, ink)
    centre = (generator.uniform(0.35, 0.65), generator.uniform(0.35, 0.65))
    shore = canvas.disk(centre, generator.uniform(0.20, 0.30), stretch=generator.uniform(0.8, 1.4))
    for _ in range(3):
        bay = (centre[0] + generator.uniform(-0.2, 0.2), centre[1] + generator.uniform(-0.2, 0.2))
        shore = np.maximum(shore, canvas.disk(bay, generator.uniform(0.10, 0.20)))
    return canvas.paint(picture, shore, ink("water"))


def highway(generator: Dice, ink: Ink) -> Array:
    picture = _meadow(generator, ink)
    ux, uy = generator.direction()
    middle, width = (
        (generator.uniform(0.3, 0.7), generator.uniform(0.3, 0.7)),
        generator.uniform(0.14, 0.22),
    )
    picture = canvas.paint(picture, canvas.box(middle, (2.0, width / 2), (ux, uy)), ink("asphalt"))
    dashes = canvas.box(middle, (2.0, 0.014), (ux, uy)) * canvas.stripes(
        (ux, uy), 0.2, generator.uniform()
    )
    return canvas.paint(picture, dashes, ink("marking"))


def village(generator: Dice, ink: Ink) -> Array:
    picture, axis = _meadow(generator, ink), generator.direction()
    street = canvas.box(
        (generator.uniform(0.3, 0.7), generator.uniform(0.3, 0.7)), (2.0, 0.03), axis
    )
    picture = canvas.paint(picture, street, ink("asphalt"))
    for _ in range(generator.integer(9, 15)):
        house = canvas.box(
            (generator.uniform(0.05, 0.95), generator.uniform(0.05, 0.95)),
            (generator.uniform(0.04, 0.07), generator.uniform(0.035, 0.055)),
            axis,
        )
        picture = canvas.paint(picture, house, ink("roof"))
    return picture


def factory(generator: Dice, ink: Ink) -> Array:
    picture, axis = (
        canvas.paint(canvas.fill(ink("asphalt")), canvas.clouds(generator, 3) * 0.4, ink("soil")),
        generator.direction(),
    )
    for _ in range(generator.integer(2, 3)):
        hall = (generator.uniform(0.2, 0.8), generator.uniform(0.2, 0.8))
        half = (generator.uniform(0.18, 0.28), generator.uniform(0.10, 0.17))
        picture = canvas.paint(picture, canvas.box(hall, half, axis), ink("concrete"))
        ribs = canvas.box(hall, half, axis) * canvas.stripes(axis, 0.12, generator.uniform(), 0.3)
        picture = canvas.paint(picture, ribs * 0.5, ink("roof"))
    return canvas.paint(
        picture, canvas.disk((generator.uniform(), generator.uniform()), 0.07), ink("concrete")
    )


def wheat_field(generator: Dice, ink: Ink) -> Array:
    picture, axis = canvas.fill(ink("crop")), generator.direction()
    rows = canvas.stripes(
        axis, generator.uniform(0.09, 0.15), generator.uniform(), generator.uniform(0.35, 0.5)
    )
    picture = canvas.paint(picture, rows, ink("soil"))
    edge = canvas.box(
        (generator.uniform(), generator.uniform()),
        (2.0, generator.uniform(0.02, 0.05)),
        (-axis[1], axis[0]),
    )
    return canvas.paint(picture, edge, ink("grass"))


def orchard(generator: Dice, ink: Ink) -> Array:
    period = generator.uniform(0.16, 0.22)
    trees = canvas.dots(
        generator.direction(),
        period,
        period * generator.uniform(0.26, 0.36),
        (generator.uniform(), generator.uniform()),
    )
    ground = canvas.fill(ink("soil")) if generator.chance(0.4) else _meadow(generator, ink)
    return canvas.paint(ground, trees, ink("tree"))


def desert(generator: Dice, ink: Ink) -> Array:
    picture = canvas.paint(canvas.fill(ink("sand")), canvas.clouds(generator, 3), ink("sand"))
    ux, uy = generator.direction()
    for step in range(generator.integer(2, 4)):
        offset = generator.uniform(-0.1, 0.1) + 0.3 * step - 0.35
        middle = (0.5 - uy * offset, 0.5 + ux * offset)
        crest = canvas.curve(
            (middle[0] - ux * 0.7, middle[1] - uy * 0.7),
            (middle[0] - uy * 0.25, middle[1] + ux * 0.25),
            (middle[0] + ux * 0.7, middle[1] + uy * 0.7),
        )
        picture = canvas.paint(picture, canvas.line(crest, 0.03) * 0.7, ink("soil"))
    return picture


def glacier(generator: Dice, ink: Ink) -> Array:
    picture = canvas.paint(canvas.fill(ink("snow")), canvas.clouds(generator, 3) * 0.5, ink("ice"))
    for _ in range(generator.integer(4, 7)):
        x, y = generator.uniform(), generator.uniform()
        ux, uy = generator.direction()
        length = generator.uniform(0.15, 0.4)
        crack = [(x, y), (x + ux * length, y + uy * length)]
        picture = canvas.paint(picture, canvas.line(crack, 0.022), ink("ice"))
    rock = canvas.disk((generator.uniform(), generator.uniform()), generator.uniform(0.0, 0.12))
    return canvas.paint(picture, rock, ink("asphalt"))


COVERS: dict[str, Callable[[Dice, Ink], Array]] = {
    "forest": forest,
    "river": river,
    "lake": lake,
    "highway": highway,
    "village": village,
    "factory": factory,
    "wheat field": wheat_field,
    "orchard": orchard,
    "desert": desert,
    "glacier": glacier,
}


def map_print(cover: str, generator: Dice) -> Array:
    """A top view as a map shows it: bright flat colours, posterised."""
    picture = COVERS[cover](generator, Ink(MAP, generator, 0.04))
    posterised: Array = np.floor(picture * 8.0 + 0.5) / 8.0
    return posterised


def optical(cover: str, generator: Dice) -> Array:
    """A top view through the optical sensor: muted colours, haze, uneven light, noise."""
    picture = COVERS[cover](generator, Ink(seen_by(OPTICAL), generator, 0.05))
    haze = generator.uniform(0.0, 0.30)
    picture = picture * (1.0 - haze) + np.array((0.62, 0.66, 0.70)) * haze
    picture = canvas.shade(picture, (canvas.clouds(generator, 2) - 0.5) * 0.16)
    return _noise(generator, picture * generator.uniform(0.80, 1.20), 0.10)


def infrared(cover: str, generator: Dice) -> Array:
    """A top view through the infrared sensor: vegetation red, half the resolution, scan lines."""
    picture = COVERS[cover](generator, Ink(seen_by(INFRARED), generator, 0.05))
    picture = (
        picture[0::2, 0::2] + picture[1::2, 0::2] + picture[0::2, 1::2] + picture[1::2, 1::2]
    ) / 4.0
    picture = picture.repeat(2, axis=0).repeat(2, axis=1)
    scan = (generator.field(canvas.SIZE) - 0.5)[:, None] + np.zeros((1, canvas.SIZE))
    return _noise(
        generator, canvas.shade(picture, scan * 0.12) * generator.uniform(0.85, 1.15), 0.08
    )


def _noise(generator: Dice, picture: Array, amount: float) -> Array:
    """Noise from three uniform draws a value: nearly normal, and the same bytes everywhere."""
    draws = generator.field(3, *picture.shape)
    noisy: Array = np.clip(picture + (draws[0] + draws[1] + draws[2] - 1.5) * amount, 0.0, 1.0)
    return noisy
