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
    train=ToyPart(part="train", count=2400, sha256="a806abbc89f6e655bba1dce63108e7c73a352c9c5b86e564537db3dffb86b276"),
    test=ToyPart(part="test", count=800, sha256="97441b2f7968c6dde261e0943bb125f711ee56691785c902c8012e9ee4c6416a"),
)  # fmt: skip
TOY_INFRARED = _toy(
    "toy_infrared", "toy: land cover, infrared sensor", "infrared", _COVERS, _FROM_ABOVE,
    train=ToyPart(part="train", count=2400, sha256="0a597dc00e916f9e3f0626be8d8858138bea81ade2eab3e030f58c3b18e5c99c"),
    test=ToyPart(part="test", count=800, sha256="0ce9eb1c4c878d9bba534c9162f5dcbd755fa0fa3d047e8bd47bad5941cbbca8"),
)  # fmt: skip
TOY_SCANS = _toy(
    "toy_scans", "toy: body scans with findings", "scans",
    ("a nodule", "a cyst", "a fracture", "an implant", "an effusion", "no finding"), ("a scan with {}.", "{}."),
    train=ToyPart(part="train", count=1800, sha256="d8f63c4f8ef9a9ea52a10f85f2f92580003025f998e7baa379481a493a9dcdca"),
    test=ToyPart(part="test", count=600, sha256="60b0cc40fef875a7cbcfa9e723ebb5f931deaf30f5b0a0c356af89beea95bbc5"),
)  # fmt: skip
TOY_POSTCARDS = _toy(
    "toy_postcards", "toy: general world, held out", "postcards", (*_COVERS, *_THINGS), _GENERAL,
    test=ToyPart(part="heldout", count=640, sha256="be487deae2cc9aa678224532dc2528fe1f6fb77fdb30d5e30f7393baf8259e31"),
)  # fmt: skip
TOY_REFERENCE = _toy(
    "toy_reference", "toy: general world, for distillation", "postcards", (*_COVERS, *_THINGS), _GENERAL,
    train=ToyPart(part="reference", count=1600, sha256="63583da8379d8283048847ee66ef4cac32927dbc9e5775554d322a062d3eb337"),
)  # fmt: skip
TOY_SHAPES = _toy(
    "toy_shapes", "toy: coloured shapes, held out", "shapes", _SHAPES, _GENERAL,
    test=ToyPart(part="heldout", count=400, sha256="eba693dace86e2d7da3076ccf80506ebce3b8487b796f31619f191a5efbfdb57"),
)  # fmt: skip

TOYS = (TOY_LANDCOVER, TOY_INFRARED, TOY_SCANS, TOY_POSTCARDS, TOY_REFERENCE, TOY_SHAPES)
