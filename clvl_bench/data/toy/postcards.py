"""Postcards: the general world. The ten kinds of ground seen from the side, and six everyday
things.
"""

from collections.abc import Callable

from clvl_bench.data.toy import canvas
from clvl_bench.data.toy.canvas import Array, Colour, Dice

SKY: tuple[Colour, ...] = (
    (0.55, 0.78, 0.96),
    (0.75, 0.86, 0.97),
    (0.98, 0.78, 0.60),
    (0.60, 0.66, 0.85),
)
GRASS: Colour = (0.42, 0.70, 0.32)
TREE: Colour = (0.16, 0.46, 0.20)
TRUNK: Colour = (0.42, 0.28, 0.16)
WATER: Colour = (0.25, 0.50, 0.82)
STONE: Colour = (0.52, 0.52, 0.56)
WHITE: Colour = (0.97, 0.97, 0.98)
RED: Colour = (0.82, 0.26, 0.22)
WHEAT: Colour = (0.92, 0.78, 0.32)
SAND: Colour = (0.93, 0.80, 0.52)


def _outdoors(generator: Dice, ground: Colour) -> tuple[Array, float]:
    """Sky above ground, and the height of the horizon."""
    horizon = generator.uniform(0.42, 0.56)
    picture = canvas.fill(canvas.vary(generator, generator.choose(SKY)))
    if generator.chance(0.4):
        sun = canvas.disk((generator.uniform(0.1, 0.9), generator.uniform(0.08, 0.2)), 0.07)
        picture = canvas.paint(picture, sun, (0.99, 0.93, 0.55))
    land = canvas.box((0.5, horizon + 0.5), (1.0, 0.5))
    return canvas.paint(picture, land, canvas.vary(generator, ground)), horizon


def _fir(generator: Dice, picture: Array, x: float, foot: float, height: float) -> Array:
    picture = canvas.paint(picture, canvas.box((x, foot), (0.015, 0.04)), TRUNK)
    tip, half = foot - height, height * 0.36
    return canvas.paint(
        picture,
        canvas.polygon((x, tip), (x + half, foot), (x - half, foot)),
        canvas.vary(generator, TREE),
    )


def forest(generator: Dice) -> Array:
    picture, horizon = _outdoors(generator, GRASS)
    for step in range(generator.integer(6, 9)):
        foot = horizon + 0.06 + 0.05 * step
        picture = _fir(
            generator, picture, generator.uniform(0.05, 0.95), foot, generator.uniform(0.28, 0.42)
        )
    return picture


def river(generator: Dice) -> Array:
    picture, horizon = _outdoors(generator, GRASS)
    source, mouth = generator.uniform(0.3, 0.7), generator.uniform(0.2, 0.8)
    bend = generator.uniform(-0.5, 0.5)
    course = canvas.curve(
        (source, horizon), ((source + mouth) / 2 + bend, (1 + horizon) / 2), (mouth, 1.1)
    )
    for (x0, y0), (x1, y1) in zip(course, course[1:], strict=False):
        width = 0.04 + 0.55 * (y1 - horizon)
        picture = canvas.paint(
            picture, canvas.line([(x0, y0), (x1, y1)], width) * (horizon < canvas.Y), WATER
        )
    return picture


def lake(generator: Dice) -> Array:
    picture, horizon = _outdoors(generator, GRASS)
    for x in (
        generator.uniform(-0.1, 0.2),
        generator.uniform(0.35, 0.65),
        generator.uniform(0.8, 1.1),
    ):
        hill = canvas.polygon(
            (x, horizon - generator.uniform(0.12, 0.25)), (x + 0.35, horizon), (x - 0.35, horizon)
        )
        picture = canvas.paint(picture, hill, canvas.vary(generator, (0.36, 0.50, 0.42)))
    middle = (generator.uniform(0.4, 0.6), (horizon + 1.0) / 2)
    picture = canvas.paint(
        picture,
        canvas.disk(middle, 0.15, stretch=generator.uniform(2.2, 2.9)),
        canvas.vary(generator, WATER),
    )
    gleam = canvas.box((middle[0], middle[1] + generator.uniform(-0.05, 0.05)), (0.2, 0.012))
    return canvas.paint(picture, gleam * 0.7, WHITE)


def highway(generator: Dice) -> Array:
    picture, horizon = _outdoors(generator, GRASS)
    far, near = generator.uniform(0.35, 0.65), generator.uniform(0.35, 0.65)
    road = canvas.polygon(
        (far - 0.02, horizon), (far + 0.02, horizon), (near + 0.38, 1.0), (near - 0.38, 1.0)
    )
    picture = canvas.paint(picture, road, canvas.vary(generator, (0.38, 0.38, 0.42)))
    dashes = canvas.line([(far, horizon), (near, 1.0)], 0.04) * canvas.stripes(
        (0.0, 1.0), 0.14, generator.uniform()
    )
    return canvas.paint(picture, dashes, WHITE)


def _house(generator: Dice, picture: Array, x: float, foot: float, half: float) -> Array:
    wall = canvas.box((x, foot - half * 0.8), (half, half * 0.8))
    picture = canvas.paint(picture, wall, canvas.vary(generator, (0.95, 0.90, 0.78)))
    top = foot - half * 1.6
    roof = canvas.polygon((x, top - half), (x + half * 1.25, top), (x - half * 1.25, top))
    picture = canvas.paint(picture, roof, canvas.vary(generator, RED))
    return canvas.paint(
        picture, canvas.box((x, foot - half * 0.35), (half * 0.22, half * 0.4)), TRUNK
    )


def village(generator: Dice) -> Array:
    picture, horizon = _outdoors(generator, GRASS)
    for step in range(generator.integer(3, 5)):
        x = 0.05 + 0.24 * step + generator.uniform(-0.06, 0.06)
        picture = _house(
            generator,
            picture,
            x,
            horizon + 0.12 + generator.uniform(0.0, 0.25),
            generator.uniform(0.07, 0.10),
        )
    return picture


def factory(generator: Dice) -> Array:
    picture, horizon = _outdoors(generator, (0.55, 0.54, 0.50))
    x = generator.uniform(0.35, 0.65)
    foot = horizon + 0.2
    picture = canvas.paint(
        picture,
        canvas.box((x, foot - 0.15), (0.34, 0.15)),
        canvas.vary(generator, (0.62, 0.50, 0.46)),
    )
    for step in range(generator.integer(1, 2)):
        chimney = x + 0.18 - 0.3 * step
        picture = canvas.paint(
            picture, canvas.box((chimney, foot - 0.4), (0.04, 0.2)), canvas.vary(generator, STONE)
        )
        smoke = canvas.disk(
            (chimney + generator.uniform(0.02, 0.1), foot - 0.66),
            generator.uniform(0.06, 0.1),
            stretch=1.4,
        )
        picture = canvas.paint(picture, smoke * 0.8, (0.4, 0.4, 0.42))
    windows = canvas.box((x, foot - 0.15), (0.3, 0.03)) * canvas.stripes(
        (1.0, 0.0), 0.1, generator.uniform()
    )
    return canvas.paint(picture, windows, (0.95, 0.92, 0.60))


def wheat_field(generator: Dice) -> Array:
    picture, horizon = _outdoors(generator, WHEAT)
    far = generator.uniform(0.3, 0.7)
    for step in range(-4, 5):
        furrow = canvas.line([(far + 0.04 * step, horizon), (far + 0.38 * step, 1.05)], 0.03)
        picture = canvas.paint(
            picture, furrow * (horizon < canvas.Y), canvas.vary(generator, (0.74, 0.54, 0.18))
        )
    return picture


def orchard(generator: Dice) -> Array:
    picture, horizon = _outdoors(generator, GRASS)
    for row in range(2):
        foot, size = horizon + 0.14 + 0.24 * row, 0.085 + 0.03 * row
        shift = generator.uniform(0.0, 0.15)
        for column in range(4):
            x = shift + 0.27 * column
            picture = canvas.paint(picture, canvas.box((x, foot), (0.014, 0.07)), TRUNK)
            picture = canvas.paint(
                picture,
                canvas.disk((x, foot - 0.12), size),
                canvas.vary(generator, (0.24, 0.55, 0.22)),
            )
            for _ in range(2):
                apple = (
                    x + generator.uniform(-0.05, 0.05),
                    foot - 0.12 + generator.uniform(-0.04, 0.04),
                )
                picture = canvas.paint(picture, canvas.disk(apple, 0.02), RED)
    return picture


def desert(generator: Dice) -> Array:
    picture, horizon = _outdoors(generator, SAND)
    for step in range(3):
        x, y = generator.uniform(0.0, 1.0), horizon + 0.1 + 0.2 * step
        dune = canvas.disk((x, y + 0.14), 0.14, stretch=generator.uniform(2.2, 3.2)) * (
            canvas.Y < y + 0.14
        )
        picture = canvas.paint(picture, dune, canvas.vary(generator, (0.84, 0.66, 0.36)))
    if generator.chance(0.6):
        x, foot = generator.uniform(0.15, 0.85), horizon + 0.3
        arms = canvas.line(
            [
                (x - 0.08, foot - 0.2),
                (x - 0.08, foot - 0.13),
                (x + 0.08, foot - 0.13),
                (x + 0.08, foot - 0.22),
            ],
            0.035,
        )
        picture = canvas.paint(picture, arms, TREE)
        picture = canvas.paint(picture, canvas.line([(x, foot), (x, foot - 0.3)], 0.05), TREE)
    return picture


def glacier(generator: Dice) -> Array:
    picture, horizon = _outdoors(generator, (0.90, 0.94, 0.98))
    for x in (
        generator.uniform(0.0, 0.3),
        generator.uniform(0.4, 0.6),
        generator.uniform(0.7, 1.0),
    ):
        height, half = generator.uniform(0.28, 0.4), generator.uniform(0.22, 0.3)
        peak = canvas.polygon((x, horizon - height), (x + half, horizon), (x - half, horizon))
        picture = canvas.paint(picture, peak, canvas.vary(generator, (0.46, 0.50, 0.60)))
        cap = canvas.polygon(
            (x, horizon - height),
            (x + half / 2, horizon - height / 2),
            (x - half / 2, horizon - height / 2),
        )
        picture = canvas.paint(picture, cap, WHITE)
    tongue = canvas.polygon((0.45, horizon), (0.55, horizon), (0.8, 1.0), (0.2, 1.0))
    return canvas.paint(picture, tongue * 0.7, (0.66, 0.84, 0.96))


def boat(generator: Dice) -> Array:
    picture, horizon = _outdoors(generator, WATER)
    x, y = generator.uniform(0.35, 0.65), horizon + generator.uniform(0.12, 0.28)
    hull = canvas.polygon(
        (x - 0.22, y - 0.08), (x + 0.22, y - 0.08), (x + 0.13, y + 0.04), (x - 0.13, y + 0.04)
    )
    picture = canvas.paint(
        picture, hull, canvas.vary(generator, generator.choose((RED, TRUNK, WHITE)))
    )
    picture = canvas.paint(picture, canvas.box((x, y - 0.24), (0.012, 0.17)), TRUNK)
    sail = canvas.polygon((x + 0.02, y - 0.4), (x + 0.2, y - 0.12), (x + 0.02, y - 0.12))
    return canvas.paint(picture, sail, canvas.vary(generator, WHITE))


def car(generator: Dice) -> Array:
    picture, horizon = _outdoors(generator, (0.5, 0.5, 0.52))
    x, y = generator.uniform(0.35, 0.65), horizon + generator.uniform(0.1, 0.25)
    colour = canvas.vary(generator, generator.choose((RED, WATER, WHEAT, TREE)))
    picture = canvas.paint(picture, canvas.box((x, y), (0.26, 0.07)), colour)
    cabin = canvas.polygon(
        (x - 0.1, y - 0.19), (x + 0.1, y - 0.19), (x + 0.16, y - 0.06), (x - 0.16, y - 0.06)
    )
    picture = canvas.paint(picture, cabin, (0.75, 0.86, 0.95))
    for side in (-0.15, 0.15):
        picture = canvas.paint(
            picture, canvas.disk((x + side, y + 0.08), 0.065), (0.12, 0.12, 0.12)
        )
    return picture


def _indoors(generator: Dice) -> Array:
    return canvas.fill(
        canvas.vary(
            generator,
            generator.choose(((0.93, 0.90, 0.84), (0.84, 0.90, 0.92), (0.90, 0.84, 0.90))),
        )
    )


def flower(generator: Dice) -> Array:
    picture = _indoors(generator)
    x, y = generator.uniform(0.35, 0.65), generator.uniform(0.3, 0.42)
    picture = canvas.paint(
        picture, canvas.line([(x, y), (x + generator.uniform(-0.08, 0.08), 0.95)], 0.035), TREE
    )
    colour = canvas.vary(generator, generator.choose((RED, (0.85, 0.45, 0.75), (0.60, 0.40, 0.85))))
    for dx, dy in ((0.0, -1.0), (0.95, -0.3), (0.6, 0.8), (-0.6, 0.8), (-0.95, -0.3)):
        picture = canvas.paint(picture, canvas.disk((x + dx * 0.12, y + dy * 0.12), 0.085), colour)
    return canvas.paint(picture, canvas.disk((x, y), 0.07), WHEAT)


def fish(generator: Dice) -> Array:
    picture = canvas.fill(canvas.vary(generator, (0.35, 0.66, 0.80)))
    x, y, side = (
        generator.uniform(0.4, 0.6),
        generator.uniform(0.35, 0.65),
        generator.choose((-1.0, 1.0)),
    )
    colour = canvas.vary(generator, generator.choose(((0.96, 0.60, 0.20), RED, WHEAT)))
    picture = canvas.paint(picture, canvas.disk((x, y), 0.13, stretch=1.8), colour)
    tail = [(x - side * 0.18, y), (x - side * 0.36, y - 0.14), (x - side * 0.36, y + 0.14)]
    picture = canvas.paint(picture, canvas.polygon(*(tail if side < 0 else tail[::-1])), colour)
    return canvas.paint(
        picture, canvas.disk((x + side * 0.13, y - 0.03), 0.026), (0.05, 0.05, 0.05)
    )


def umbrella(generator: Dice) -> Array:
    picture = _indoors(generator)
    x, y = generator.uniform(0.4, 0.6), generator.uniform(0.42, 0.52)
    roof = canvas.disk((x, y), 0.3, stretch=1.15) * (canvas.Y < y)
    picture = canvas.paint(
        picture, roof, canvas.vary(generator, generator.choose((RED, WATER, WHEAT)))
    )
    ribs = roof * canvas.stripes((1.0, 0.0), 0.17, generator.uniform(), 0.2)
    picture = canvas.paint(picture, ribs * 0.6, WHITE)
    return canvas.paint(picture, canvas.line([(x, y), (x, 0.85), (x + 0.07, 0.9)], 0.03), TRUNK)


def mushroom(generator: Dice) -> Array:
    picture = _indoors(generator)
    x, y = generator.uniform(0.4, 0.6), generator.uniform(0.45, 0.55)
    picture = canvas.paint(picture, canvas.box((x, y + 0.17), (0.075, 0.18)), (0.95, 0.92, 0.84))
    cap = canvas.disk((x, y), 0.22, stretch=1.4) * (canvas.Y < y + 0.03)
    picture = canvas.paint(picture, cap, canvas.vary(generator, RED))
    for dx, dy in ((-0.14, -0.07), (0.02, -0.13), (0.15, -0.05)):
        picture = canvas.paint(picture, canvas.disk((x + dx, y + dy), 0.035), WHITE)
    return picture


SCENES: dict[str, Callable[[Dice], Array]] = {
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
    "boat": boat,
    "car": car,
    "flower": flower,
    "fish": fish,
    "umbrella": umbrella,
    "mushroom": mushroom,
}


def postcard(scene: str, generator: Dice) -> Array:
    """A printed picture of a scene: the drawing in slightly uneven light."""
    return canvas.shade(SCENES[scene](generator), (canvas.clouds(generator, 2) - 0.5) * 0.12)
