"""The toy worlds as datasets. They stand in for satellite, medical and general data, and are called
toys wherever they appear.

Each split is a part of a world; parts share no random key. The sha256 is of the painted bytes:
a change of a picture changes the data, raises the VERSION of `toy/index.py`, and declares the new
hash.
"""

from pathlib import Path

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import ToyPart, ToySource

_COVERS = (
    "forest",
    "river",
    "lake",
    "highway",
    "village",
    "factory",
    "wheat field",
    "orchard",
    "desert",
    "glacier",
)
_THINGS = ("boat", "car", "flower", "fish", "umbrella", "mushroom")
_SHAPES = tuple(
    f"{colour} {shape}"
    for shape in ("circle", "square", "triangle", "cross", "ring")
    for colour in ("red", "green", "blue", "yellow")
)
_FROM_ABOVE = ("a photo of a {} from above.", "an aerial photo of a {}.", "a top view of a {}.")
_GENERAL = ("a photo of a {}.", "a picture of a {}.")


def _toy(
    name: str,
    title: str,
    world: str,
    classes: tuple[str, ...],
    templates: tuple[str, ...],
    captions: Path | None = None,
    **parts: ToyPart,
) -> ImageDataset:
    return ImageDataset(
        name=name,
        title=title,
        domain="toy",
        source=ToySource(world=world, parts=parts),
        classes=classes,
        templates=templates,
        splits={split: part.count for split, part in parts.items()},
        captions=captions,
        licence="MIT",
        citation="clvl_bench, generated",
    )


TOY_LANDCOVER = _toy(
    "toy_landcover",
    "toy: land cover, optical sensor",
    "optical",
    _COVERS,
    _FROM_ABOVE,
    train=ToyPart(
        part="train",
        count=1600,
        sha256="575c827fec788c3bbc26cb9d4ee5cfe225ca0d1cfe34b3525ffc1ab0a86ae1c4",
    ),
    test=ToyPart(
        part="test",
        count=400,
        sha256="72bfdf355a20b8c4daa10eb505d1db9443ba40ebfad605ad7442015257a4646b",
    ),
)
TOY_INFRARED = _toy(
    "toy_infrared",
    "toy: land cover, infrared sensor",
    "infrared",
    _COVERS,
    _FROM_ABOVE,
    train=ToyPart(
        part="train",
        count=1600,
        sha256="81ccadde8048ac3dee6b69f0f73a2197882a88b224ca5f9f9351e60a6c8a718a",
    ),
    test=ToyPart(
        part="test",
        count=400,
        sha256="0aeb376eff15f84c27c5fa04220cf42f1a90307e3fca12f7df04ca2b748217ab",
    ),
)
TOY_SCANS = _toy(
    "toy_scans",
    "toy: body scans with findings",
    "scans",
    ("a nodule", "a cyst", "a fracture", "an implant", "an effusion", "no finding"),
    ("a scan with {}.", "{}."),
    train=ToyPart(
        part="train",
        count=600,
        sha256="f5e5a67087550001a42be43c6e42b077ef396619bc2ec263f119f140fce81e47",
    ),
    test=ToyPart(
        part="test",
        count=300,
        sha256="2870a8bcfdf4c328fec7359f720f2d48bd72876115fb670a056387c09024862e",
    ),
)
TOY_POSTCARDS = _toy(
    "toy_postcards",
    "toy: general world, held out",
    "postcards",
    (*_COVERS, *_THINGS),
    _GENERAL,
    test=ToyPart(
        part="heldout",
        count=320,
        sha256="eed817cf65501fa7014644092c87cf727ecb8f2f1204f5f5e75982f2d4cd3517",
    ),
)
TOY_REFERENCE = _toy(
    "toy_reference",
    "toy: general world, for distillation",
    "postcards",
    (*_COVERS, *_THINGS),
    _GENERAL,
    captions=Path(__file__).with_name(
        "toy_captions.txt"
    ),  # sentences of worlds.captions, of no picture in particular
    train=ToyPart(
        part="reference",
        count=800,
        sha256="ee37c8468aae63010c266c7e1f18643eae158099794868fa197b50e60d9bd046",
    ),
)
TOY_SHAPES = _toy(
    "toy_shapes",
    "toy: coloured shapes, held out",
    "shapes",
    _SHAPES,
    _GENERAL,
    test=ToyPart(
        part="heldout",
        count=200,
        sha256="7804c8bc770ca89d45b29416e7243c0e645c7496d0402dd8a62b03072e86ac5e",
    ),
)

TOYS = (TOY_LANDCOVER, TOY_INFRARED, TOY_SCANS, TOY_POSTCARDS, TOY_REFERENCE, TOY_SHAPES)
