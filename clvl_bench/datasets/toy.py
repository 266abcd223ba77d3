"""The toy worlds as datasets. They stand in for satellite, medical and general data, and are called toys wherever shown.

Each split is a part of a world; parts share no random key. The sha256 is of the painted bytes: whoever changes a picture
changes the data, raises `worlds.VERSION`, and declares the new hash.
"""

from clvl_bench.datasets.declaration import ImageDataset, ToyPart, ToySource

_COVERS = (
    "forest", "river", "lake", "highway", "village", "factory", "wheat field", "orchard", "desert", "glacier",
)  # fmt: skip
_THINGS = ("boat", "car", "flower", "fish", "umbrella", "mushroom")
_SHAPES = tuple(
    f"{colour} {shape}"
    for shape in ("circle", "square", "triangle", "cross", "ring")
    for colour in ("red", "green", "blue", "yellow")
)
_FROM_ABOVE = ("a photo of a {} from above.", "an aerial photo of a {}.", "a top view of a {}.")
_GENERAL = ("a photo of a {}.", "a picture of a {}.")


def _toy(
    name: str, title: str, world: str, classes: tuple[str, ...], templates: tuple[str, ...], **parts: ToyPart
) -> ImageDataset:
    return ImageDataset(
        name=name,
        title=title,
        domain="toy",
        source=ToySource(world=world, parts=parts),
        classes=classes,
        templates=templates,
        splits={split: part.count for split, part in parts.items()},
        licence="MIT",
        citation="clvl_bench, generated",
    )


TOY_LANDCOVER = _toy(
    "toy_landcover", "toy: land cover, optical sensor", "optical", _COVERS, _FROM_ABOVE,
    train=ToyPart(part="train", count=1600, sha256="575c827fec788c3bbc26cb9d4ee5cfe225ca0d1cfe34b3525ffc1ab0a86ae1c4"),
    test=ToyPart(part="test", count=600, sha256="c14679e0124461b4aab38f73f96aa2250d30c794c72b181b51a23cd2b66f881e"),
)  # fmt: skip
TOY_INFRARED = _toy(
    "toy_infrared", "toy: land cover, infrared sensor", "infrared", _COVERS, _FROM_ABOVE,
    train=ToyPart(part="train", count=1600, sha256="81ccadde8048ac3dee6b69f0f73a2197882a88b224ca5f9f9351e60a6c8a718a"),
    test=ToyPart(part="test", count=600, sha256="8f6865e1a60e04a2f895b53f90032b7c58e3b5f1736a66e5540aace58193205a"),
)  # fmt: skip
TOY_SCANS = _toy(
    "toy_scans", "toy: body scans with findings", "scans",
    ("a nodule", "a cyst", "a fracture", "an implant", "an effusion", "no finding"), ("a scan with {}.", "{}."),
    train=ToyPart(part="train", count=1200, sha256="41dccefdbed089bdeb4ac6700c37c0445f18e66dab376f7801a929c80842f931"),
    test=ToyPart(part="test", count=600, sha256="60b0cc40fef875a7cbcfa9e723ebb5f931deaf30f5b0a0c356af89beea95bbc5"),
)  # fmt: skip
TOY_POSTCARDS = _toy(
    "toy_postcards", "toy: general world, held out", "postcards", (*_COVERS, *_THINGS), _GENERAL,
    test=ToyPart(part="heldout", count=480, sha256="df305599ac2ae9e4ee1c5b06f4bf8a818cacf4cb3b894b015e12fe802f84b894"),
)  # fmt: skip
TOY_REFERENCE = _toy(
    "toy_reference", "toy: general world, for distillation", "postcards", (*_COVERS, *_THINGS), _GENERAL,
    train=ToyPart(part="reference", count=1600, sha256="63583da8379d8283048847ee66ef4cac32927dbc9e5775554d322a062d3eb337"),
)  # fmt: skip
TOY_SHAPES = _toy(
    "toy_shapes", "toy: coloured shapes, held out", "shapes", _SHAPES, _GENERAL,
    test=ToyPart(part="heldout", count=300, sha256="8f98902d3def06c7d1605fc87a27bd47f22241dcef54e0f0fb9ce80e5e4371c3"),
)  # fmt: skip

TOYS = (TOY_LANDCOVER, TOY_INFRARED, TOY_SCANS, TOY_POSTCARDS, TOY_REFERENCE, TOY_SHAPES)
