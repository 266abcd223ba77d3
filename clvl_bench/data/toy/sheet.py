"""Sheet: the contact sheet of the toy worlds, painted with `make contact-sheet`. Apart, because
nothing else needs a font.

A row for each world, a few of its classes by name. The ten kinds of land cover stand in the same
columns wherever they appear, so that a column shows one word from the side, on a map, and through
the two sensors.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from clvl_bench.data.toy import canvas
from clvl_bench.data.toy.index import WORLDS, Picture

TITLE = "Toy worlds: painted by a program, standing in for real images"
SUBTITLE = (
    "Nothing here is a photograph, a satellite image or a scan, and no number measured on "
    "it is one about real images."
)
# In pixels, but for SCALE, by which a picture is enlarged.
SCALE = 2
GAP = 10
CAPTION = 17
LEFT = 190
TOP = 72
SIDE = canvas.SIZE * SCALE
COLUMNS = 10
INK = (20, 20, 20)
GREY = (95, 95, 95)
PAPER = (255, 255, 255)


@dataclass(frozen=True)
class Row:
    """Some classes of a world (by number), and what the world is for."""

    world: str
    title: str
    role: tuple[str, ...]
    classes: tuple[int, ...]


_LANDCOVER = tuple(range(10))
_REST = tuple(range(10, 16))
ROWS = (
    Row(
        "postcards",
        "postcards",
        ("general world: pre-training,", "reference set, held-out set"),
        _LANDCOVER,
    ),
    Row("maps", "maps", ("from above, in another style:", "pre-training only (rho)"), _LANDCOVER),
    Row("optical", "optical sensor", ("toy_landcover:", "never in pre-training"), _LANDCOVER),
    Row("infrared", "infrared sensor", ("toy_infrared:", "never in pre-training"), _LANDCOVER),
    Row("postcards", "postcards, the rest", ("general world: things",), _REST),
    Row(
        "shapes",
        "shapes",
        ("second general world: pre-", "training, held-out set"),
        (0, 5, 10, 15, 16, 1, 6, 11, 12, 17),
    ),
    Row("drawings", "drawings", ("of scans: pre-training only",), (0, 1, 2, 3, 4, 5)),
    Row("films", "films", ("of scans, printed:", "pre-training only"), (0, 1, 2, 3, 4, 5)),
    Row("scans", "scans", ("toy_scans:", "never in pre-training"), (0, 1, 2, 3, 4, 5)),
)


def sample(world: str, label: int) -> Picture:
    """A picture of a class, of a part that neither training nor testing uses."""
    return WORLDS[world].picture("sheet", label)


def sheet(rows: tuple[Row, ...] = ROWS) -> Image.Image:
    """The contact sheet as an RGB picture."""
    step = SIDE + CAPTION + GAP
    width = LEFT + COLUMNS * (SIDE + GAP) + GAP
    height = TOP + len(rows) * step + GAP
    page = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(page)
    small = ImageFont.load_default(12)
    draw.text((GAP, 10), TITLE, INK, font=ImageFont.load_default(21))
    draw.text((GAP, 42), SUBTITLE, GREY, font=small)
    for number, row in enumerate(rows):
        top = TOP + number * step
        draw.text((GAP, top + 6), row.title, INK, font=ImageFont.load_default(16))
        for line, text in enumerate(row.role):
            draw.text((GAP, top + 30 + 15 * line), text, GREY, font=small)
        for column, label in enumerate(row.classes):
            left = LEFT + column * (SIDE + GAP)
            picture = sample(row.world, label)
            image = Image.fromarray(picture.image)
            page.paste(image.resize((SIDE, SIDE), Image.Resampling.NEAREST), (left, top))
            draw.text(
                (left + SIDE / 2, top + SIDE + 2),
                str(picture.facts["class"]),
                INK,
                font=small,
                anchor="ma",
            )
    return page


def main(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet().save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
